"""Answer for the workers while none takes messages: urgent phrases, taps, and a word that the message is kept.

Runs in the gateway, without the engine. What was asked in words still waits for a worker, who answers it later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from bot import metrics
from bot.conversations.choices import chosen_payload
from bot.conversations.commands import read_command
from bot.conversations.destinations import Destinations
from bot.conversations.paging import MORE, fit_choices, following_page
from bot.conversations.privacy_words import PrivacyRequest, PrivacyWords
from bot.conversations.quick_exit import QuickExit
from bot.conversations.replies import Replies
from bot.conversations.turns import Turn, Turns
from bot.conversations.urgent import UrgentPhrases
from bot.conversations.urgent_cards import urgent_card
from bot.i18n import Catalogues
from bot.messages import ChannelLimits, InboundKind, OutboundMessage

WAIT_SECONDS = 20.0
"""How long a message may wait for a worker before the gateway answers it."""
TELL_AGAIN = timedelta(minutes=30)
"""How long somebody is not told again that their messages are kept."""
CARD_AGAIN = timedelta(minutes=1)
"""How long the same card is not sent again to somebody who repeats a cry for help: it stands right above."""
_MOST_AT_ONCE = 50

logger = logging.getLogger(__name__)


class StandIn:
    """Answers what it can of the messages that have waited too long.

    Args:
        limits: by channel.
        intents: the folder with urgent phrases and vocabulary.
        clock: returns the present time, aware UTC.
    """

    def __init__(
        self,
        turns: Turns,
        replies: Replies,
        texts: Catalogues,
        limits: Mapping[str, ChannelLimits],
        intents: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self._turns = turns
        self._replies = replies
        self._texts = texts
        self._limits = limits
        self._urgent = UrgentPhrases(intents / "urgent")
        self._privacy_words = PrivacyWords(intents / "vocabulary" / "privacy.yml")
        self._destinations = Destinations(intents / "vocabulary" / "destinations.yml")
        self._quick_exit = QuickExit(intents / "vocabulary" / "exit.yml", texts)
        self._clock = clock
        self._ordinals = intents / "vocabulary" / "ordinals.yml"
        self._told: dict[str, datetime] = {}
        self._carded: dict[tuple[str, str], datetime] = {}
        self._passed: set[int] = set()

    def answer_overdue(self) -> int:
        """Answer what waits too long, and return how many replies were queued."""
        waiting = self._turns.overdue(WAIT_SECONDS, _MOST_AT_ONCE + len(self._passed))
        self._passed &= set(waiting)
        now = self._clock()
        self._told = {contact: at for contact, at in self._told.items() if now - at < TELL_AGAIN}
        self._carded = {card: at for card, at in self._carded.items() if now - at < CARD_AGAIN}
        return sum(self._answer(inbound_id) for inbound_id in waiting if inbound_id not in self._passed)

    def _answer(self, inbound_id: int) -> bool:
        turn = self._turns.read(inbound_id)
        reply, ends = self.decide(turn) if turn else (None, False)
        if turn is None or self._has_heard(turn, reply, ends=ends):
            self._passed.add(inbound_id)
            return False
        fitted = fit_choices(reply or self._kept(turn.locale), self._limits.get(turn.channel), self._texts, turn.locale)
        is_queued = self._turns.stand_in(turn, fitted, ends=ends)
        if is_queued:
            metrics.stand_in_replies.inc()
            if reply is not None and not ends:
                metrics.urgent_cards.labels("gateway").inc()
            logger.warning("stood_in id=%s channel=%s ends=%s", turn.trace_id, turn.channel, ends)
            if reply is None:
                self._told[turn.conversation_id] = self._clock()
            elif not ends:
                self._carded[turn.conversation_id, reply.text] = self._clock()
        return is_queued

    def _has_heard(self, turn: Turn, reply: OutboundMessage | None, *, ends: bool) -> bool:
        """Tell whether only a worker has something new to say: the card or the word that all is kept stands there already."""
        if reply is None:
            return turn.kind is InboundKind.GROUP or turn.conversation_id in self._told or self._asks_to_stop(turn)
        return not ends and (turn.conversation_id, reply.text) in self._carded

    def _asks_to_stop(self, turn: Turn) -> bool:
        match = self._privacy_words.find(turn.text) if turn.text else None
        return match is not None and match.request is PrivacyRequest.STOP

    def _kept(self, locale: str) -> OutboundMessage:
        return replace(self._replies.menu(locale), text=self._texts.text(locale, "reply.message_kept"))

    def decide(self, turn: Turn) -> tuple[OutboundMessage | None, bool]:
        """Return the reply to a message, None when only a worker can give it, and whether it is all that was asked for."""
        is_tapped = turn.kind is InboundKind.QUICK_REPLY
        urgent = self._urgent.match(turn.text) if turn.text and not is_tapped else None
        if urgent is not None:
            return urgent_card(urgent, turn, self._replies, self._destinations), False
        leaving = self._quick_exit.reply(turn)
        if leaving is not None:
            return leaving, True
        chosen = chosen_payload(turn, self._ordinals)
        if chosen.startswith(MORE):
            return following_page(chosen, self._texts.text(turn.locale, "reply.more_choices")), True
        reply = self._of_choice(chosen, turn.locale)
        return reply, reply is not None

    def _of_choice(self, chosen: str, locale: str) -> OutboundMessage | None:
        command = read_command(chosen) if chosen else None
        if command is None:
            return None
        destination = command.entities.get("destination", "")
        if command.intent == "menu":
            return self._replies.menu(locale, command.entities.get("family", ""))
        if command.intent == "talk_to_person":
            return self._replies.people(locale)
        if command.intent == "more_detail" and command.entities.get("topic"):
            return self._replies.section(command.entities["topic"], command.entities.get("section", ""), destination, locale)
        return self._replies.answer(command.intent, destination, locale) if self._replies.is_answer(command.intent) else None
