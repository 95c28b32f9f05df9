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
class Judged:
    """A message with what the bot made of it.

    Attributes:
        ranking: the intents, the likeliest first.
        chances: their probabilities in the same order.
        phrase_topic: the urgent topic that a reviewed phrase found, or the empty string.
    """

    example: Example
    ranking: tuple[str, ...]
    chances: dict[str, float]
    phrase_topic: str


Decide = Callable[[dict[str, float]], tuple[str, list[str]]]


@dataclass(frozen=True)
class Scores:
    """Shares, each from 0 to 1; of no messages a share is 0.

    Attributes:
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


def score(judged: Sequence[Judged], decide: Decide, urgent: Collection[str], has_phrases: bool) -> Scores:
    """Return what became of the messages.

    Args:
        decide: turns probabilities into a kind of decision and its topics.
        has_phrases: the reviewed urgent phrases are tried first, as the worker does.
    """
    rows = [(one.example.intent, *_reply(one, decide, has_phrases)) for one in judged]
    inside = [row for row in rows if row[0] != OUT_OF_SCOPE]
    outside = [row for row in rows if row[0] == OUT_OF_SCOPE]
    alarming = [row for row in rows if row[0] in urgent]
    calm = [row for row in rows if row[0] not in urgent]
    return Scores(
        count=len(rows),
        top_1=_share(judged, lambda one: one.ranking[0] == one.example.intent),
        top_3=_share(judged, lambda one: one.example.intent in one.ranking[:3]),
        right=_share(inside, lambda row: row[1] == "answer" and row[2] == [row[0]]),
        wrong=_share(inside, lambda row: row[1] == "answer" and row[2] != [row[0]]),
        offered=_share(inside, lambda row: row[1] == "choices" and row[0] in row[2]),
        lost=_share(inside, lambda row: row[1] == "menu" or (row[1] == "choices" and row[0] not in row[2])),
        refused=_share(outside, lambda row: row[1] != "answer"),
        urgent=_share(alarming, lambda row: row[1] == "answer" and row[2][0] in urgent),
        urgent_exact=_share(alarming, lambda row: row[1] == "answer" and row[2] == [row[0]]),
        false_alarms=_share(calm, lambda row: row[1] == "answer" and row[2][0] in urgent),
    )


def _reply(one: Judged, decide: Decide, has_phrases: bool) -> tuple[str, list[str]]:
    """Return "answer", "choices" or "menu" with the topics; who is answered "out of scope" reads that nothing was understood."""
    if has_phrases and one.phrase_topic:
        return "answer", [one.phrase_topic]
    kind, topics = decide(one.chances)
    if kind == "urgent":
        kind = "answer"
    return ("menu", []) if kind == "answer" and topics == [OUT_OF_SCOPE] else (kind, topics)


def _share(rows: Sequence[object], is_so: Callable[..., bool]) -> float:
    return sum(is_so(row) for row in rows) / len(rows) if rows else 0.0
