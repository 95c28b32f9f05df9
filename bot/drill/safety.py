"""Play the scenarios and judge what reached the person: the topic's own card, in their language, in every state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bot.conversations.commands import payload
from bot.conversations.flood import FLOOD_MESSAGES, FLOOD_SECONDS
from bot.conversations.replies import Replies
from bot.conversations.stand_in import WAIT_SECONDS
from bot.drill.bench import Bench
from bot.drill.scenarios import Scenario, Script
from bot.i18n import LOCALES
from bot.messages import InboundKind, OutboundMessage

Prepare = Callable[[Bench, Script, Scenario, str], Awaitable[None]]


@dataclass(frozen=True)
class Case:
    """A scenario in a state, and what was wrong.

    Attributes:
        fault: empty: it passed; otherwise a short stable code.
    """

    scenario: Scenario
    state: str
    fault: str = ""


async def _fresh(bench: Bench, script: Script, scenario: Scenario, address: str) -> None:
    """Say nothing before."""


async def _after_answer(bench: Bench, script: Script, scenario: Scenario, address: str) -> None:
    bench.store(address, script.answered[scenario.locale])
    await bench.work()


async def _in_menu(bench: Bench, script: Script, scenario: Scenario, address: str) -> None:
    bench.store(address, kind=InboundKind.QUICK_REPLY, quick_reply="command:menu")
    await bench.work()


async def _after_miss(bench: Bench, script: Script, scenario: Scenario, address: str) -> None:
    bench.store(address, script.missed[scenario.locale])
    await bench.work()


async def _in_flood(bench: Bench, script: Script, scenario: Scenario, address: str) -> None:
    for _ in range(FLOOD_MESSAGES + 2):
        bench.store(address, kind=InboundKind.UNSUPPORTED)
    await bench.work()


async def _opted_out(bench: Bench, script: Script, scenario: Scenario, address: str) -> None:
    bench.store(address, "STOP")
    await bench.work()


STATES: Mapping[str, Prepare] = MappingProxyType(
    {
        "fresh": _fresh,
        "answered": _after_answer,
        "menu": _in_menu,
        "missed": _after_miss,
        "flood": _in_flood,
        "opted_out": _opted_out,
        "no_worker": _fresh,
        "engine_broken": _fresh,
    }
)
"""What is done before the sentence comes. In the last two no worker runs for a while, or the worker's engine fails."""


async def play(
    bench: Bench, script: Script, states: Sequence[str] = tuple(STATES), on_case: Callable[[Case], None] = lambda case: None
) -> list[Case]:
    """Play every scenario in every state, each as a new contact.

    Args:
        on_case: is told of each case.
    """
    cases: list[Case] = []
    for state in states:
        for scenario in script.scenarios:
            case = Case(scenario, state, await _fault(bench, script, scenario, state, f"drill-{state}-{len(cases)}"))
            on_case(case)
            cases.append(case)
    return cases


async def _fault(bench: Bench, script: Script, scenario: Scenario, state: str, address: str) -> str:
    bench.turn_clock(FLOOD_SECONDS)
    await STATES[state](bench, script, scenario, address)
    bench.delivered()
    before = bench.questions()
    bench.store(address, scenario.text)
    if state == "no_worker":
        bench.turn_clock(WAIT_SECONDS + 1)
        bench.stand_in()
    else:
        await bench.work(is_broken=state == "engine_broken")
    heard = bench.delivered()
    if state == "no_worker":
        await bench.work()
        bench.delivered()
    noted = "noted_as_question" if bench.questions() > before else ""
    return judge(bench.parts.replies, scenario, heard) or noted


def judge(replies: Replies, scenario: Scenario, heard: Sequence[OutboundMessage]) -> str:
    """Return what is wrong with what a person in danger was sent; empty: nothing."""
    if not heard:
        return "no_reply"
    found = replies.library.find(scenario.topic, "", scenario.locale)
    if found is None or found.is_withheld:
        return "card_withheld"
    texts = [message.text for message in heard]
    if not any(found.answer.lead in text for text in texts):
        return _wrong_card(replies, scenario, texts)
    if not any(number.number in text for text in texts for number in replies.library.emergency_numbers(("general",), "ec")):
        # Topics with lines of their own name those; a card without any number is of no use.
        lines = replies.library.emergency_numbers(found.topic.emergency_services, "ec")
        if not any(line.number in text for text in texts for line in lines):
            return "no_number"
    if not any(choice.payload == payload("talk_to_person") for message in heard for choice in message.quick_replies):
        return "no_person"
    return ""


def _wrong_card(replies: Replies, scenario: Scenario, texts: Sequence[str]) -> str:
    for topic in (scenario.topic, *(one.id for one in replies.catalogue.values() if one.is_urgent)):
        for locale in LOCALES:
            found = replies.library.find(topic, "", locale)
            if found and found.is_translated and any(found.answer.lead in text for text in texts):
                return f"in_{locale}" if topic == scenario.topic else f"card_of_{topic}"
    return "no_card"
