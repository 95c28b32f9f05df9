"""A worker that hands conversations to staff, on a test's database, with an engine that only knows one wish."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from bot.conversations.case_returns import CaseReturns
from bot.conversations.commands import Command
from bot.conversations.handoff import TOPIC, HandoffDesk
from bot.conversations.privacy import ABOUT
from bot.conversations.quick_exit import QuickExit
from bot.conversations.replies import Replies
from bot.conversations.staff_cases import StaffCases
from bot.conversations.turns import Trace, Turn, TurnResult
from bot.conversations.urgent import UrgentPhrases
from bot.conversations.whole_phrases import WholePhrases
from bot.i18n import Catalogues
from bot.messages import ChannelLimits, InboundKind, OutboundMessage
from bot.wiring import Paths, build_replies
from bot.worker import Worker, WorkerParts
from tests.support.builders import System, make_inbound
from tests.support.privacy import privacy_desk

ROOT = Path(__file__).resolve().parents[2]
HOURS = 12
WISH = "quiero hablar con una persona"
LIMITS = ChannelLimits(text=4096, text_with_choices=4096, buttons=10, button_title=24, service_window_hours=24)
PEOPLE = """
help_points: [ecu-911]
staff:
  opening: {mo: ["08:00-17:00"], tu: ["08:00-17:00"], sa: []}
  wait: {es: "Suelen tardar una hora.", en: "It takes about an hour."}
"""
"""Staff answer on Mondays and Tuesdays; the tests' clock begins on Monday at 7:00 in Ecuador."""


@dataclass
class OneWish:
    """Understands who wants a person and what is urgent, and answers everything else with one sentence."""

    replies: Replies
    asked: list[str] = field(default_factory=list)

    async def answer_turn(self, turn: Turn, text: str, command: Command | None) -> TurnResult:
        """Answer; a broken engine is asked for with a word."""
        self.asked.append(text)
        if "rompe el motor" in text:
            raise RuntimeError
        intent = command.intent if command else {WISH: TOPIC, "quién lee esto": ABOUT}.get(text, "")
        reply, trace = OutboundMessage("respuesta del bot"), Trace("answer", intent)
        if command and command.is_from_words:
            reply, trace = self.replies.answer(intent, "", turn.locale), Trace("urgent", intent)
        elif intent == TOPIC:
            reply, trace = self.replies.people(turn.locale), Trace("person", intent)
        return TurnResult([reply], text, turn.locale, turn.locale_source, b"state", trace=trace)


@lru_cache(maxsize=1)
def _replies() -> Replies:
    return build_replies(Paths(ROOT))


@lru_cache(maxsize=1)
def _urgent() -> UrgentPhrases:
    return UrgentPhrases(ROOT / "intents" / "urgent")


@dataclass
class HandoffWorld:
    """What is written to the bot, what it replies, and the side of staff."""

    system: System
    people: Path
    has_desk: bool = True

    def __post_init__(self) -> None:
        self.people.write_text(PEOPLE, encoding="utf-8")
        self.texts = Catalogues(ROOT / "locales")
        self.engine = OneWish(_replies())
        self.worker = self.make_worker()
        self.system.clock.turn(hours=2)

    def make_worker(self, owner: str = "worker-1") -> Worker:
        """Return another worker on the same database."""
        system, vocabulary = self.system, ROOT / "intents" / "vocabulary"
        words = WholePhrases(vocabulary / "handoff.yml", "handoff")
        desk = HandoffDesk(self.texts, _replies(), self.people, words, HOURS, 30, system.clock)
        parts = WorkerParts(
            turns=system.turns(owner),
            engine=self.engine,
            replies=_replies(),
            texts=self.texts,
            urgent=_urgent(),
            privacy=privacy_desk(system),
            limits={"whatsapp": LIMITS, "telegram": LIMITS},
            ordinals=vocabulary / "ordinals.yml",
            quick_exit=QuickExit(vocabulary / "exit.yml", self.texts),
            handoff=desk if self.has_desk else None,
        )
        return Worker(parts)

    @property
    def staff(self) -> StaffCases:
        """The side of staff; Telegram has no service window."""
        limits = {"whatsapp": LIMITS, "telegram": ChannelLimits(4096, 4096, 10, 24)}
        return StaffCases(self.system.database, self.system.vault, self.texts, limits, self.system.clock)

    @property
    def returns(self) -> CaseReturns:
        """What lets the bot answer again."""
        return CaseReturns(self.system.database, self.system.outbox, self.texts, HOURS, self.system.clock)

    def writes(self, text: str, address: str = "a", channel: str = "whatsapp", **changes: object) -> None:
        """Store a message; no worker has taken it yet."""
        self.system.clock.turn(seconds=5)
        self.system.inbox.store([make_inbound(text, channel=channel, address=address, **changes)])

    async def says(self, text: str, address: str = "a", channel: str = "whatsapp", **changes: object) -> list[OutboundMessage]:
        """Store a message, run its turn, and return what goes out."""
        self.writes(text, address, channel, **changes)
        assert await self.worker.run_once()
        return self.goes_out()

    async def taps(
        self, reply: OutboundMessage, title: str, address: str = "a", channel: str = "whatsapp"
    ) -> list[OutboundMessage]:
        """Tap a choice by its title."""
        token = next(choice.token for choice in reply.quick_replies if choice.title == title)
        return await self.says(title, address, channel, kind=InboundKind.QUICK_REPLY, quick_reply=token)

    def goes_out(self) -> list[OutboundMessage]:
        """Send what waits, and return it in order."""
        sent = []
        while taken := self.system.outbox.take_due({"whatsapp", "telegram"}, 10):
            for sending in taken:
                sent.append(sending.message)
                self.system.outbox.part_sent(sending.outbound_id, f"p{sending.outbound_id}", is_last=True)
        return sent

    async def opens(self, about: str = "no sé qué hacer con mi trámite", address: str = "a", channel: str = "whatsapp") -> str:
        """Ask for a person and say what about; return the case's code."""
        before = {line.code for line in self.staff.list_open()}
        await self.says(WISH, address, channel)
        await self.says(about, address, channel)
        (code,) = {line.code for line in self.staff.list_open()} - before
        return code

    def thread(self, code: str) -> list[tuple[str, str]]:
        """Return kind and words of each line of a case."""
        found = self.staff.read(code)
        assert found is not None
        return [(entry.kind.value, entry.text or entry.event) for entry in found.entries]


def no_audit(session: object) -> None:
    """Write nothing to the log."""
