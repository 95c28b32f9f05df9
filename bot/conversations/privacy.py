"""The privacy desk: stop, begin again, "mis datos" and "borrar mis datos", in any state of a dialogue and without the engine.

It decides and words the replies; what changes travels as an effect and is stored with the turn.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from bot.conversations.commands import payload, read_command
from bot.conversations.effects import ERASE_NO, ERASE_YES, Effect, EffectKind
from bot.conversations.erasure import code_hash, new_code
from bot.conversations.my_data import MyData, MyDataReader
from bot.conversations.privacy_words import PrivacyMatch, PrivacyRequest, PrivacyWords
from bot.conversations.replies import Replies
from bot.conversations.turns import Trace, Turn, TurnResult
from bot.i18n import N_, Catalogues, format_day, language_name
from bot.messages import InboundKind, OutboundMessage, QuickReply
from bot.storage.vault import Vault

CONFIRM_MINUTES = 15
"""How long "shall I erase it all?" can be answered: long enough to think, short enough that nobody taps it by chance tomorrow."""
_HOME = timezone(timedelta(hours=-5))  # Ecuador's mainland, which has no summer time.
_TYPED = (InboundKind.TEXT, InboundKind.EDITED)
ABOUT = "privacy_question"
"""The topic that asks who reads what is written; it has no words of its own, the engine understands it."""
_TOPICS = {"my_data": PrivacyRequest.MY_DATA, "delete_my_data": PrivacyRequest.ERASE, "unsubscribe_alerts": PrivacyRequest.STOP}
"""The topics of the catalogue that lead to a request when they were tapped."""
_TOPIC_OF = {request: topic for topic, request in _TOPICS.items()}
_PROVIDERS = {
    "whatsapp": N_("privacy.seen_by_whatsapp"),
    "telegram": N_("privacy.seen_by_telegram"),
    "webchat": N_("privacy.seen_by_webchat"),
}
"""By channel: what the companies see that carry the messages. Of a channel that is missing here nothing is said."""


class PrivacyDesk:
    """Answers what people ask about their own data.

    Args:
        words: the phrases that staff keep.
        reader: reads what is kept.
    """

    def __init__(self, words: PrivacyWords, reader: MyDataReader, vault: Vault, texts: Catalogues, replies: Replies) -> None:
        self._words = words
        self._reader = reader
        self._vault = vault
        self._texts = texts
        self._replies = replies

    @classmethod
    def open(cls, intents: Path, reader: MyDataReader, vault: Vault, texts: Catalogues, replies: Replies) -> PrivacyDesk:
        """Return a desk with the phrases of an intents folder."""
        return cls(PrivacyWords(intents / "vocabulary" / "privacy.yml"), reader, vault, texts, replies)

    def hear(self, turn: Turn, masked: str) -> TurnResult | None:
        """Return what typed words ask of us, or None when they say anything else.

        Args:
            masked: the text without personal numbers, which is what is kept of it.
        """
        if turn.kind not in _TYPED:
            return None
        if any(choice.payload == ERASE_YES for choice in turn.choices):
            answer = self._words.find_answer(turn.text)
            if answer is not None:
                return self._answer(answer.request, turn, masked)
        match = self._words.find(turn.text)
        if match is None or (match.request is PrivacyRequest.START and not turn.is_opted_out):
            return None  # "start" of somebody who never stopped opens the conversation.
        return self._answer(match.request, _in_language_of(match, turn), masked)

    def hear_stop(self, turn: Turn, masked: str) -> TurnResult | None:
        """Return what a typed wish to be left alone asks of us, or None: that one is heard even among too many messages."""
        match = self._words.find(turn.text) if turn.kind in _TYPED else None
        if match is None or match.request is not PrivacyRequest.STOP:
            return None
        return self._answer(match.request, _in_language_of(match, turn), masked)

    def tap(self, turn: Turn, chosen: str, masked: str) -> TurnResult | None:
        """Return what a choice asks of us, or None when it is not ours."""
        if chosen in (ERASE_YES, ERASE_NO):
            return self._answer(PrivacyRequest.AGREE if chosen == ERASE_YES else PrivacyRequest.REFUSE, turn, masked)
        command = read_command(chosen) if chosen else None
        request = _TOPICS.get(command.intent) if command else None
        return self._answer(request, turn, masked) if request else None

    def complete(self, turn: Turn, result: TurnResult) -> TurnResult:
        """Put our reply in place of the engine's when it understood, from other words, that somebody asks about their data."""
        topic = result.trace.topic
        if topic == ABOUT:
            return replace(result, replies=[self._about(turn.channel, result.locale)])
        request = _TOPICS.get(topic)
        if request is None:
            return result
        if request is PrivacyRequest.STOP:  # Guessed from free words, so it is offered, not done.
            stop = QuickReply(self._texts.text(result.locale, "topic.unsubscribe_alerts"), payload(_TOPIC_OF[request]))
            question = OutboundMessage(
                self._texts.text(result.locale, "privacy.stop_question"), (stop, self._menu(result.locale))
            )
            return replace(result, replies=[question])
        reached = replace(turn, locale=result.locale, locale_source=result.locale_source)
        ours = self._answer(request, reached, result.masked_text)
        return replace(ours, engine_state=result.engine_state, trace=result.trace)

    def _answer(self, request: PrivacyRequest, turn: Turn, masked: str) -> TurnResult:
        say = {
            PrivacyRequest.STOP: self._stop,
            PrivacyRequest.START: self._start,
            PrivacyRequest.MY_DATA: self._my_data,
            PrivacyRequest.ERASE: self._ask,
            PrivacyRequest.AGREE: self._erase,
            PrivacyRequest.REFUSE: self._keep,
        }[request]
        reply, effect = say(turn)
        topic = _TOPIC_OF.get(request, "delete_my_data" if request in (PrivacyRequest.AGREE, PrivacyRequest.REFUSE) else "")
        trace = Trace("flow", topic, ranking=((topic, 1.0),) if topic else ())
        return TurnResult([reply], masked, turn.locale, turn.locale_source, trace=trace, effect=effect)

    def _about(self, channel: str, locale: str) -> OutboundMessage:
        """Say what we keep and for how long, what others see, and how to see, stop or delete it."""
        limits = self._reader.limits
        kept = self._texts.text(
            locale,
            "privacy.about_kept",
            text_days=limits.text_days,
            record_days=limits.record_days,
            question_days=limits.question_days,
            contact_days=limits.contact_days,
        )
        parts = [self._texts.text(locale, "reply.privacy_question"), kept]
        parts += [self._texts.text(locale, _PROVIDERS[channel])] if channel in _PROVIDERS else []
        parts.append(self._texts.text(locale, "privacy.about_rights"))
        choices = [QuickReply(self._replies.title(topic, locale), payload(topic)) for topic in ("my_data", "delete_my_data")]
        return OutboundMessage("\n\n".join(parts), (*choices, self._menu(locale)))

    def _stop(self, turn: Turn) -> tuple[OutboundMessage, Effect | None]:
        text = self._texts.text(turn.locale, "privacy.stopped")
        return OutboundMessage(text, is_last_word=True), Effect(EffectKind.STOP)

    def _start(self, turn: Turn) -> tuple[OutboundMessage, Effect | None]:
        return self._replies.sentence("privacy.resumed", turn.locale), Effect(EffectKind.RESUME)

    def _ask(self, turn: Turn) -> tuple[OutboundMessage, Effect | None]:
        # "No" first: a number or a tap by mistake must not delete.
        choices = (
            QuickReply(self._texts.text(turn.locale, "choices.erase_no"), ERASE_NO),
            QuickReply(self._texts.text(turn.locale, "choices.erase_yes"), ERASE_YES),
        )
        text = self._texts.text(turn.locale, "privacy.erase_question", minutes=CONFIRM_MINUTES)
        return OutboundMessage(text, choices, choices_minutes=CONFIRM_MINUTES), Effect(EffectKind.VOID_ERASURE)

    def _erase(self, turn: Turn) -> tuple[OutboundMessage, Effect | None]:
        code = new_code()
        text = self._texts.text(turn.locale, "privacy.erased", code=code)
        return OutboundMessage(text, is_last_word=True), Effect(EffectKind.ERASE, code_hash(self._vault, code))

    def _keep(self, turn: Turn) -> tuple[OutboundMessage, Effect | None]:
        return self._replies.sentence("privacy.kept", turn.locale), Effect(EffectKind.VOID_ERASURE)

    def _my_data(self, turn: Turn) -> tuple[OutboundMessage, Effect | None]:
        # A turn that no database holds comes from a tool: nothing is kept of it.
        found = self._reader.read(turn.contact_id) if turn.inbound_id else None
        if found is None:
            return self._replies.sentence("privacy.nothing_kept", turn.locale), None
        erase = QuickReply(self._replies.title("delete_my_data", turn.locale), payload("delete_my_data"))
        return OutboundMessage("\n\n".join(self._lines(found, turn.locale)), (erase, self._menu(turn.locale))), None

    def _lines(self, found: MyData, locale: str) -> list[str]:
        def say(key: str, **values: object) -> str:
            return self._texts.text(locale, key, **values)

        limits = self._reader.limits
        lines = [say(N_("privacy.data_address"), since=_day(found.since, locale), until=_day(found.until, locale))]
        lines.append(say(N_("privacy.data_language"), language=language_name(found.locale)))
        if found.messages.count:
            spans = {"count": found.messages.count, "first": _day(found.messages.first_at, locale)}
            lines.append(
                say(N_("privacy.data_messages"), **spans, days=limits.text_days, until=_day(found.messages.until, locale))
            )
        if found.replies.count:
            lines.append(say(N_("privacy.data_replies"), count=found.replies.count, until=_day(found.replies.until, locale)))
        if found.questions.count:
            lines.append(
                say(N_("privacy.data_questions"), count=found.questions.count, until=_day(found.questions.until, locale))
            )
        if found.plan.count:
            lines.append(say(N_("privacy.data_plan"), count=found.plan.count, until=_day(found.plan.until, locale)))
        if found.case.count:
            lines.append(say(N_("privacy.data_case"), count=found.case.count, until=_day(found.case.until, locale)))
        lines.append(say(N_("privacy.data_records"), days=limits.record_days))
        lines += [self._consent_line(one.purpose, one.given_at, one.withdrawn_at, locale) for one in found.consents]
        if not found.consents:
            lines.append(say(N_("privacy.data_no_consents")))
        if found.opted_out_at:
            lines.append(say(N_("privacy.data_opted_out"), date=_day(found.opted_out_at, locale)))
        title, listed = say(N_("privacy.data_title")), "\n".join(f"- {line}" for line in lines)
        return [f"**{title}**", listed, say(N_("privacy.data_not_kept"))]

    def _consent_line(self, purpose: str, given_at: datetime, withdrawn_at: datetime | None, locale: str) -> str:
        key = f"consent.{purpose}"
        name = self._texts.text(locale, key) if self._texts.has(key) else purpose
        given = self._texts.text(locale, "privacy.data_consent", purpose=name, date=_day(given_at, locale))
        if withdrawn_at is None:
            return given
        withdrawn = self._texts.text(locale, "privacy.data_withdrawn", date=_day(withdrawn_at, locale))
        return f"{given} {withdrawn}"

    def _menu(self, locale: str) -> QuickReply:
        return QuickReply(self._texts.text(locale, "choices.menu"), payload("menu"))


def _in_language_of(match: PrivacyMatch, turn: Turn) -> Turn:
    """Answer a first message in the language of its words."""
    is_unknown = turn.locale_source == "default" and match.locale
    return replace(turn, locale=match.locale, locale_source="detected") if is_unknown else turn


def _day(at: datetime | None, locale: str) -> str:
    """Return the day on which something is or was, as people in Ecuador count days."""
    return format_day(at.astimezone(_HOME).date(), locale) if at else ""
