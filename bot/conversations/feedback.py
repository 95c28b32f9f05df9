"""Whether an answer helped: two choices under it, at most once per topic and day, and why not, in one more tap.

Nothing is asked under what is urgent, critical, or part of a dialogue. What is kept names the text that was sent, by its hash,
and counts people without naming them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from bot.conversations.commands import payload, read_command
from bot.conversations.dialogues.answers import dialogue_of
from bot.conversations.replies import Replies
from bot.conversations.turns import Trace, Turn, TurnResult
from bot.i18n import N_, Catalogues
from bot.messages import OutboundMessage, QuickReply
from bot.storage.models import AnswerFeedback
from bot.storage.vault import Vault

POSITIVE, NEGATIVE = "feedback_positive", "feedback_negative"
REASONS = {
    "wrong": N_("feedback.wrong"),
    "old": N_("feedback.old"),
    "unclear": N_("feedback.unclear"),
    "other": N_("feedback.other"),
}
"""Why an answer did not help."""
AGAIN_AFTER = timedelta(days=1)
"""How long nobody is asked again about the same topic, as far as the last messages of a contact tell."""
MOST_CHOICES = 10
"""With more than these the way to the menu would slip behind "more"."""


@dataclass(frozen=True)
class Rating:
    """What somebody said of an answer.

    Attributes:
        version: the hash of the text that they read.
        verdict: `helpful` or `not`.
        reason: one of `REASONS`, or empty.
    """

    topic: str
    destination: str
    locale: str
    version: str
    verdict: str
    reason: str = ""

    def store(self, session: Session, vault: Vault, contact_id: str, now: datetime) -> None:
        """Store it in place of what the same person said before of the same text."""
        of_text = {"topic": self.topic, "destination": self.destination, "locale": self.locale, "version": self.version}
        person = person_hash(vault, contact_id)
        same = [getattr(AnswerFeedback, name) == value for name, value in of_text.items()]
        connection = session.connection()
        connection.execute(delete(AnswerFeedback).where(AnswerFeedback.person_hash == person, *same))
        row = {**of_text, "person_hash": person, "verdict": self.verdict, "reason": self.reason, "given_at": now}
        connection.execute(insert(AnswerFeedback).values(**row))


def person_hash(vault: Vault, contact_id: str) -> str:
    """Return what counts people without naming them; it can not be matched with that of the unanswered questions."""
    return vault.keyed_hash("feedback", contact_id)


class FeedbackDesk:
    """Asks and hears whether answers helped.

    Args:
        clock: returns the present time, aware UTC.
    """

    def __init__(self, texts: Catalogues, replies: Replies, clock: Callable[[], datetime]) -> None:
        self._texts = texts
        self._replies = replies
        self._clock = clock

    def offer(self, turn: Turn, result: TurnResult) -> TurnResult:
        """Put the two choices under an answer, if it is one and nobody was asked about its topic today."""
        rated = self._rated(result)
        reply = result.replies[-1] if result.replies else None
        if rated is None or reply is None or not turn.inbound_id or len(reply.quick_replies) + 2 > MOST_CHOICES:
            return result
        if dialogue_of(choice.payload for choice in reply.quick_replies):
            return result  # "Shall we go on?" stands under the answer; a third and a fourth choice would lead away from it.
        if rated["topic"] in self._recent_topics(turn):
            return result
        choices = tuple(
            QuickReply(self._texts.text(result.locale, f"topic.{one}"), payload(one, **rated)) for one in (POSITIVE, NEGATIVE)
        )
        return replace(result, replies=[*result.replies[:-1], replace(reply, quick_replies=(*reply.quick_replies, *choices))])

    def tap(self, turn: Turn, chosen: str, masked: str) -> TurnResult | None:
        """Return the reply to one of our choices, or None when it is another's."""
        command = read_command(chosen) if chosen else None
        if command is None or command.intent not in (POSITIVE, NEGATIVE) or not command.entities.get("version"):
            return None
        return self._hear(turn, command.intent, command.entities, masked)

    def complete(self, turn: Turn, result: TurnResult) -> TurnResult:
        """Note what free words say of the answer that was last offered for rating; else the engine's sentence stands."""
        if result.trace.topic not in (POSITIVE, NEGATIVE):
            return result
        offered = (read_command(choice.payload) for choice in turn.choices)
        ours = next((one for one in offered if one and one.intent == POSITIVE and one.entities.get("version")), None)
        if ours is None:
            return result
        heard = self._hear(replace(turn, locale=result.locale), result.trace.topic, ours.entities, result.masked_text)
        return replace(result, replies=heard.replies, note=heard.note)

    def _hear(self, turn: Turn, intent: str, said: dict[str, str], masked: str) -> TurnResult:
        verdict, reason = ("helpful", "") if intent == POSITIVE else ("not", said.get("reason", ""))
        of_text = {name: said.get(name, "")[:60] for name in ("topic", "destination", "locale", "version")}
        rating = Rating(**of_text, verdict=verdict, reason=reason if reason in REASONS else "")
        reply = self._thanks(turn.locale, verdict) if verdict == "helpful" or reason else self._ask_why(of_text, turn.locale)
        trace = Trace("flow", intent)
        return TurnResult([reply], masked, turn.locale, turn.locale_source, trace=trace, note=rating)

    def _thanks(self, locale: str, verdict: str) -> OutboundMessage:
        key = N_("reply.feedback_positive") if verdict == "helpful" else N_("feedback.thanks")
        return self._replies.sentence(key, locale)

    def _ask_why(self, of_text: dict[str, str], locale: str) -> OutboundMessage:
        choices = [
            QuickReply(self._texts.text(locale, key), payload(NEGATIVE, **of_text, reason=name)) for name, key in REASONS.items()
        ]
        choices.append(QuickReply(self._texts.text(locale, "topic.talk_to_person"), payload("talk_to_person")))
        return OutboundMessage(self._texts.text(locale, "feedback.why"), tuple(choices))

    def _rated(self, result: TurnResult) -> dict[str, str] | None:
        """Return which text was sent, or None when it is none to ask about."""
        trace = result.trace
        if trace.decision != "answer" or not self._replies.is_answer(trace.topic):
            return None
        found = self._replies.library.find(trace.topic, trace.destination, result.locale)
        if found is None or found.is_withheld or found.topic.is_urgent or found.topic.sensitivity == "critical":
            return None
        answer = found.answer
        of_text = {"destination": answer.destination, "locale": answer.locale, "version": answer.text_hash}
        return {"topic": trace.topic, **of_text}

    def _recent_topics(self, turn: Turn) -> set[str]:
        since = self._clock() - AGAIN_AFTER
        return {one.answered for one in turn.earlier if one.received_at > since}
