"""What became of messages whose meaning is known: counts and shares, without any engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

OUT_OF_SCOPE = "out_of_scope"


@dataclass(frozen=True)
class Example:
    """A message with its meaning.

    Attributes:
        intent: what a person said that it means.
    """

    text: str
    intent: str
    locale: str


@dataclass(frozen=True)
class Outcome:
    """A message with what the bot made of it.

    Attributes:
        ranking: the intents, the likeliest first.
        kind: answer, urgent, choices or menu.
        topics: what is answered or offered.
    """

    example: Example
    ranking: tuple[str, ...]
    kind: str
    topics: tuple[str, ...]

    @property
    def answered(self) -> str:
        """The topic that was answered, or the empty string; who is answered "out of scope" reads that nothing was understood."""
        is_answered = self.kind in ("answer", "urgent") and self.topics != (OUT_OF_SCOPE,)
        return self.topics[0] if is_answered else ""

    @property
    def is_offered(self) -> bool:
        """Whether choices were offered and the right topic is one of them."""
        return self.kind == "choices" and self.example.intent in self.topics


@dataclass(frozen=True)
class Scores:
    """Shares, each from 0 to 1; of no messages a share is 0.

    Attributes:
        outside: how many of the messages are out of scope.
        alarming: how many are urgent.
        top_1: the likeliest intent is right.
        right: answered with the right topic, of the messages within scope; so are the next three.
        wrong: answered with another topic.
        offered: asked back with choices that hold the right one.
        lost: the menu, or choices without the right one.
        refused: not answered as a topic, of the messages out of scope.
        urgent: got an urgent card, whichever, of the urgent messages.
        urgent_exact: got the right urgent card.
        false_alarms: got an urgent card, of all messages that are not urgent.
    """

    count: int
    outside: int
    alarming: int
    top_1: float
    top_3: float
    right: float
    wrong: float
    offered: float
    lost: float
    refused: float
    urgent: float
    urgent_exact: float
    false_alarms: float


def score(outcomes: Sequence[Outcome], urgent: Collection[str]) -> Scores:
    """Return what became of the messages.

    Args:
        urgent: the urgent topics.
    """
    inside = [one for one in outcomes if one.example.intent != OUT_OF_SCOPE]
    outside = [one for one in outcomes if one.example.intent == OUT_OF_SCOPE]
    alarming = [one for one in outcomes if one.example.intent in urgent]
    calm = [one for one in outcomes if one.example.intent not in urgent]
    return Scores(
        count=len(outcomes),
        outside=len(outside),
        alarming=len(alarming),
        top_1=_share(outcomes, lambda one: one.ranking[:1] == (one.example.intent,)),
        top_3=_share(outcomes, lambda one: one.example.intent in one.ranking[:3]),
        right=_share(inside, lambda one: one.answered == one.example.intent),
        wrong=_share(inside, lambda one: one.answered not in ("", one.example.intent)),
        offered=_share(inside, lambda one: one.is_offered),
        lost=_share(inside, lambda one: not one.answered and not one.is_offered),
        refused=_share(outside, lambda one: not one.answered),
        urgent=_share(alarming, lambda one: one.answered in urgent),
        urgent_exact=_share(alarming, lambda one: one.answered == one.example.intent),
        false_alarms=_share(calm, lambda one: one.answered in urgent),
    )


def _share(rows: Sequence[Outcome], is_so: Callable[[Outcome], bool]) -> float:
    return sum(is_so(row) for row in rows) / len(rows) if rows else 0.0
