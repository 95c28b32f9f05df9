"""The desk that hands a conversation to people of staff: hours and wait first, one question, then silence of the bot.

Whether staff answer at all stands in `content/people.yml`; decision record 0016.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from babel.dates import format_time, get_timezone

from bot.content.opening import closing_time, is_always_open, next_opening
from bot.content.people import StaffTimes, read_staff_times
from bot.conversations.cases import CaseChange, CaseStep, OpenCase
from bot.conversations.commands import payload, read_command
from bot.conversations.effects import EffectKind
from bot.conversations.erasure import new_code
from bot.conversations.privacy import ABOUT
from bot.conversations.replies import Replies
from bot.conversations.turns import Trace, Turn, TurnResult
from bot.conversations.whole_phrases import WholePhrases
from bot.i18n import N_, Catalogues, day_name
from bot.messages import InboundKind, OutboundMessage, QuickReply

TOPIC = "talk_to_person"
SKIP = "handoff:skip"
"""The payload of the choice not to say what it is about."""
BACK = "handoff:back"
"""The payload of the choice to go back to the bot."""
PAYLOADS = (SKIP, BACK)
CHOICES_MINUTES = 60
CODE_LENGTH = 8
_HOME = "America/Guayaquil"
_TYPED = (InboundKind.TEXT, InboundKind.EDITED)
_SENTENCES = {
    "audio": N_("reply.voice_not_heard"),
    "location": N_("handoff.position_not_kept"),
    "unsupported": N_("reply.unsupported"),
}
"""What is said of what staff cannot see; the rest is `reply.media_not_seen`."""


class HandoffDesk:
    """Opens cases and keeps messages for them.

    Args:
        people: the file of who answers, and when.
        words: what somebody writes to go back to the bot.
        hours: hours without a word of staff until the bot answers again.
        text_days: how long what is written is kept, which people are told before they write.
        clock: returns the present time, aware UTC.
    """

    def __init__(
        self,
        texts: Catalogues,
        replies: Replies,
        people: Path,
        words: WholePhrases,
        hours: int,
        text_days: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._texts = texts
        self._replies = replies
        self._people = people
        self._words = words
        self._hours = timedelta(hours=hours)
        self._text_days = text_days
        self._clock = clock

    def holds(self, turn: Turn) -> bool:
        """Tell whether a message is for staff: a case is in their hands, or we have just asked what it is about."""
        if turn.kind is InboundKind.GROUP:
            return False
        return self._is_in_hand(turn.case) or self.is_asked(turn)

    def is_asked(self, turn: Turn) -> bool:
        """Tell whether we have just asked what a new case is about."""
        return turn.case is None and any(choice.payload == SKIP for choice in turn.choices)

    def keep(self, turn: Turn, chosen: str) -> TurnResult | None:
        """Return what a message gets that `holds` is true of and that the bot need not hear itself; None: the bot answers.

        Args:
            chosen: the payload of what was chosen; empty when nothing was.
        """
        if turn.case is None:
            is_word = turn.kind in _TYPED and turn.text.strip() and not chosen and not self._words.find(turn.text)
            return self._opened(turn, turn.text if is_word else "") if is_word or chosen == SKIP else None
        if self._goes_back(turn, chosen):
            return self._ended(turn, turn.case)
        if turn.kind in (InboundKind.QUICK_REPLY, InboundKind.START):
            return self._result(turn, self._with_way_back(N_("handoff.reminder"), turn.locale))
        if turn.kind in _TYPED and turn.text.strip():
            return self._kept(turn, turn.case)
        return self._kept_unseen(turn, turn.case)

    def complete(self, turn: Turn, result: TurnResult, *, is_urgent: bool) -> TurnResult:
        """Add to what the bot answers what it means for a case, and ask when somebody wants a person.

        Args:
            is_urgent: the message is an emergency, whose card is among the replies.
        """
        case, effect = turn.case, result.effect.kind if result.effect else None
        if effect is EffectKind.ERASE:
            return result
        if case is not None and effect in (EffectKind.STOP, EffectKind.EXIT):
            step = CaseStep.STOP if effect is EffectKind.STOP else CaseStep.LEAVE
            return replace(result, note=CaseChange(step, case))
        if is_urgent and (case is not None or self.is_asked(turn)):
            return self._urgent(turn, result)
        if result.trace.topic == TOPIC:
            return self._asked(turn, result)
        if result.trace.topic == ABOUT and result.replies:
            first, *others = result.replies
            return replace(result, replies=[replace(first, text=f"{first.text}\n\n{self._kept_how(result.locale)}"), *others])
        if case is not None and not case.bot_answers and not self._is_in_hand(case):
            back = OutboundMessage(self._say(result.locale, "handoff.bot_back", code=case.code))
            note = result.note or CaseChange(CaseStep.BOT_BACK, case)
            return replace(result, replies=[back, *result.replies], note=note)
        return result

    def mark_urgent(self, turn: Turn, result: TurnResult) -> TurnResult:
        """Note an emergency in an open case whose turn failed."""
        return self._urgent(turn, result) if turn.case else result

    def _is_in_hand(self, case: OpenCase | None) -> bool:
        return case is not None and not case.bot_answers and self._clock() < case.quiet_since + self._hours

    def _goes_back(self, turn: Turn, chosen: str) -> bool:
        if turn.kind in _TYPED:
            return bool(self._words.find(turn.text))
        command = read_command(chosen) if chosen else None
        return chosen == BACK or (command is not None and command.intent == "menu" and not command.entities)

    def _asked(self, turn: Turn, result: TurnResult) -> TurnResult:
        """Say when somebody answers and how long it takes, then ask one thing; without hours the engine's reply stands."""
        times = read_staff_times(self._people)
        if times is None:
            return result
        locale = result.locale
        hours, is_open = self._hours_text(times, locale)
        parts = [hours, times.wait_in(locale)]
        if turn.case is not None:
            parts.append(self._say(locale, "handoff.rejoined", code=turn.case.code))
            reply = OutboundMessage("\n\n".join(parts), (self._back(locale),))
            return replace(result, replies=[reply], note=CaseChange(CaseStep.REJOIN, turn.case), question=None)
        parts.append(self._say(locale, N_("handoff.ask") if is_open else N_("handoff.leave_message")))
        parts.append(self._kept_how(locale))
        if not is_open:
            parts += [self._say(locale, "handoff.if_urgent"), self._replies.people(locale).text]
        choices = (QuickReply(self._say(locale, "handoff.skip"), SKIP), self._menu(locale))
        reply = OutboundMessage("\n\n".join(parts), choices, choices_minutes=CHOICES_MINUTES)
        return replace(result, replies=[reply], question=None)

    def _kept_how(self, locale: str) -> str:
        return self._say(locale, "handoff.kept_how", days=self._text_days)

    def _hours_text(self, times: StaffTimes, locale: str) -> tuple[str, bool]:
        local = self._clock().astimezone(get_timezone(_HOME))
        if is_always_open(times.opening):
            return self._say(locale, "handoff.open_always"), True
        closes = closing_time(times.opening, local)
        if closes is not None:
            return self._say(locale, "handoff.open_until", time=format_time(closes, "short", locale=locale)), True
        opens = next_opening(times.opening, local)
        if opens is None:
            return self._say(locale, "handoff.closed"), False
        time = format_time(opens.time(), "short", locale=locale)
        if opens.date() == local.date():
            return self._say(locale, "handoff.closed_today", time=time), False
        return self._say(locale, "handoff.closed_until", day=day_name(opens.weekday(), locale), time=time), False

    def _opened(self, turn: Turn, text: str, *, is_urgent: bool = False) -> TurnResult:
        code = new_code(CODE_LENGTH)
        reply = OutboundMessage(self._say(turn.locale, "handoff.opened", code=code), (self._back(turn.locale),))
        note = CaseChange(CaseStep.OPEN, code=code, text=text, is_urgent=is_urgent)
        return replace(self._result(turn, reply), note=note)

    def _urgent(self, turn: Turn, result: TurnResult) -> TurnResult:
        """Put an emergency on top of staff's list; its card stands among the replies already."""
        text = turn.text if turn.kind in _TYPED else ""
        if turn.case is None:
            opened = self._opened(replace(turn, locale=result.locale), text, is_urgent=True)
            return replace(result, replies=[*result.replies, *opened.replies], note=opened.note, masked_text="")
        event = "" if text else "tapped_urgent"
        note = CaseChange(CaseStep.KEEP, turn.case, text=text, event=event, is_urgent=True)
        return replace(result, note=note, masked_text="")

    def _ended(self, turn: Turn, case: OpenCase) -> TurnResult:
        menu = self._replies.menu(turn.locale)
        reply = replace(menu, text=f"{self._say(turn.locale, 'handoff.ended')}\n\n{menu.text}")
        return replace(self._result(turn, reply), note=CaseChange(CaseStep.END, case))

    def _kept(self, turn: Turn, case: OpenCase) -> TurnResult:
        event = turn.media_kind if turn.kind is InboundKind.MEDIA else ""
        note = CaseChange(CaseStep.KEEP, case, text=turn.text, event=event, acknowledges=True)
        replies = [] if case.is_acknowledged else [self._with_way_back(N_("handoff.kept"), turn.locale)]
        if turn.is_shortened:
            replies.append(OutboundMessage(self._say(turn.locale, "reply.text_shortened")))
        return replace(self._result(turn, *replies), note=note)

    def _kept_unseen(self, turn: Turn, case: OpenCase) -> TurnResult:
        """Note that something came that staff cannot see, with the words that came with it, and say so."""
        event = {InboundKind.LOCATION: "location", InboundKind.MEDIA: turn.media_kind}.get(turn.kind) or "unsupported"
        sentence = OutboundMessage(self._say(turn.locale, _SENTENCES.get(event, N_("reply.media_not_seen"))))
        text = "" if turn.kind is InboundKind.LOCATION else turn.text.strip()
        return replace(self._result(turn, sentence), note=CaseChange(CaseStep.KEEP, case, text=text, event=event[:20]))

    def _with_way_back(self, key: str, locale: str) -> OutboundMessage:
        return OutboundMessage(self._say(locale, key), (self._back(locale),))

    def _back(self, locale: str) -> QuickReply:
        return QuickReply(self._say(locale, "handoff.back"), BACK)

    def _menu(self, locale: str) -> QuickReply:
        return QuickReply(self._say(locale, "choices.menu"), payload("menu"))

    def _say(self, locale: str, key: str, **values: object) -> str:
        return self._texts.text(locale, key, **values)

    @staticmethod
    def _result(turn: Turn, *replies: OutboundMessage) -> TurnResult:
        """Return a result that keeps nothing of the message but in the thread."""
        return TurnResult(list(replies), "", turn.locale, turn.locale_source, trace=Trace("flow", TOPIC))


_KEYS = (
    *(N_("handoff.bot_back"), N_("handoff.rejoined"), N_("handoff.skip"), N_("handoff.open_always"), N_("handoff.open_until")),
    *(N_("handoff.closed"), N_("handoff.closed_today"), N_("handoff.closed_until"), N_("handoff.opened"), N_("handoff.ended")),
    *(N_("handoff.back"), N_("handoff.kept_how"), N_("handoff.if_urgent")),
)
"""What `_say` looks up, marked for extraction."""
