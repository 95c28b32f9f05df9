"""What the drill claims, each checked on the evidence: a name, a figure, and whether it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.gateway.sending import PARALLEL
from tests.drill.evidence import Conversation, Evidence, Inbound
from tests.drill.faults import Outcome
from tests.drill.plan import BOTH_WORKERS, DISK_FULL, EVERYTHING, GATEWAY, PAUSE, POSTGRES, WORKER_1, WORKER_2, Plan
from tests.drill.providers import TROUBLE, Accepted, Ledger
from tests.drill.senders import Post
from tests.drill.world import PROVIDER_SECONDS

LOADING_SECONDS = 20.0
"""How much longer it may take when no worker is left: loading the engine takes 5 to 7 s on an idle machine, and the gateway
stands in after 20 s."""
TURNS_KEPT = 3
"""How many turns the engine remembers."""


@dataclass(frozen=True)
class Claim:
    """One row of the table."""

    name: str
    figure: str
    holds: bool


@dataclass(frozen=True)
class Drill:
    """A drill that is over."""

    plan: Plan
    post: Post
    ledger: Ledger
    outcomes: Sequence[Outcome]
    evidence: Evidence
    abandoned_turns: int
    drained: float


def check_claims(drill: Drill, within: float) -> Iterator[Claim]:
    """Check everything, in the order of the table.

    Args:
        within: how soon the system must go on after a fault, in seconds.
    """
    yield from _nothing_lost(drill)
    yield from _exactly_once(drill)
    yield _order(drill)
    yield _repeats(drill)
    yield _tries(drill)
    yield from _recovery(drill, within)
    if drill.plan.faults:
        yield from _faults_were_real(drill)
    yield _waits(drill)
    stuck = drill.evidence.stuck
    yield Claim(
        "nothing is stuck at the end",
        _listed(stuck) + f"; settled {drill.drained:.0f} s after the last call",
        not any(stuck.values()),
    )


def _nothing_lost(drill: Drill) -> Iterator[Claim]:
    stored = {message.key: message for message in drill.evidence.inbound}
    acknowledged = drill.post.acknowledged
    lost = [key for key in acknowledged if key not in stored]
    yield Claim(
        "every acknowledged message is stored",
        f"{drill.post.delivered} calls, {len(acknowledged)} messages acknowledged, {len(lost)} lost; "
        f"{len(drill.post.given_up)} given up by Twilio before we could acknowledge them",
        not lost,
    )
    unanswered = [
        key for key in acknowledged if key in stored and not _is_answered(stored[key]) and not _is_visibly_failed(stored[key])
    ]
    failed = sum(_is_visibly_failed(message) for message in stored.values())
    figure = f"{sum(map(_is_answered, stored.values()))} at the provider, {failed} refused by it and shown as failed, {len(unanswered)} neither"
    yield Claim("every acknowledged message is answered", figure, bool(acknowledged) and not unanswered)
    wrong = [message for message in stored.values() if message.letter and _is_answered(message) and not _is_marked(message)]
    yield Claim("each answer is the one to its question", f"{len(wrong)} others", not wrong)


def _is_answered(message: Inbound) -> bool:
    return any(reply.has_arrived for reply in message.replies if not reply.is_stand_in)


def _is_visibly_failed(message: Inbound) -> bool:
    return not _is_answered(message) and any(reply.state == "failed" and reply.failure_code for reply in message.replies)


def _is_marked(message: Inbound) -> bool:
    texts = [part.text for reply in message.replies if not reply.is_stand_in for part in reply.taken]
    return message.letter is not None and any(message.letter.mark in text for text in texts)


def _exactly_once(drill: Drill) -> Iterator[Claim]:
    messages = list(drill.evidence.inbound)
    dead = [message for message in messages if message.state != "done"]
    twice = [message for message in messages if message.endings != 1]
    yield Claim(
        "each stored message is done, in one committed turn",
        f"{len(messages)} stored, {len(dead)} not done, {len(twice)} not exactly once",
        bool(messages) and not dead and not twice,
    )
    replies = [sum(not reply.is_stand_in for reply in message.replies) for message in messages]
    yield Claim(
        "each message has one reply of the engine", f"{sum(replies)} replies to {len(messages)} messages", set(replies) == {1}
    )
    states = [conversation for conversation in drill.evidence.conversations if not _remembers(conversation)]
    yield Claim(
        "the engine remembers each turn once and in order",
        f"{sum(one.memories for one in drill.evidence.conversations)} states written, {len(states)} conversations wrong",
        not states,
    )


def _remembers(conversation: Conversation) -> bool:
    asked = [message.letter.topic for message in conversation.inbound if message.letter]
    return conversation.memories == len(asked) and conversation.topics == asked[-TURNS_KEPT:]


def _order(drill: Drill) -> Claim:
    arrived = [one for one in drill.evidence.conversations if not _arrived_in_order(one, drill.post)]
    answered = [one for one in drill.evidence.conversations if not _answered_in_order(one)]
    pairs = sum(max(0, len(one.inbound) - 1) for one in drill.evidence.conversations)
    figure = f"{pairs} pairs; out of order: {len(arrived)} conversations as stored, {len(answered)} at the provider"
    return Claim("order is kept in each conversation", figure, pairs > 0 and not arrived and not answered)


def _arrived_in_order(conversation: Conversation, post: Post) -> bool:
    moments = [post.acknowledged[message.key] for message in conversation.inbound if message.key in post.acknowledged]
    return moments == sorted(moments)


def _answered_in_order(conversation: Conversation) -> bool:
    """Read the provider's list alone: the marks of the answers, without immediate repeats, are those of the questions."""
    marks = [message.letter.mark for message in conversation.inbound if message.letter and _is_answered(message)]
    shown = [next((mark for mark in marks if mark in one.text), "") for one in conversation.shown]
    seen = [mark for mark in shown if mark]
    return [mark for number, mark in enumerate(seen) if not number or mark != seen[number - 1]] == marks


def _repeats(drill: Drill) -> Claim:
    """A send is repeated when the provider took it and our database never heard of it."""
    known = {id(part) for message in drill.evidence.inbound for reply in message.replies for part in reply.taken}
    repeated = [one for one in drill.ledger.accepted if id(one) not in known]
    kills = [one.began for one in drill.outcomes if one.fault.kind in (GATEWAY, EVERYTHING)]
    unexplained = [one for one in repeated if not any(_in_flight(one, kill, drill.ledger) for kill in kills)]
    figure = (
        f"{len(drill.ledger.accepted)} accepted, {len(repeated)} repeated, {len(unexplained)} of them not in flight then; "
        f"{len(kills)} kills x {PARALLEL} parallel sends allow {len(kills) * PARALLEL}"
    )
    holds = not unexplained and len(repeated) <= len(kills) * PARALLEL
    return Claim("only sends in flight at a gateway's kill are repeated", figure, holds)


def _tries(drill: Drill) -> Claim:
    """A turn is late when its worker slept, or when the database died before it could tell both workers what it had committed."""
    kinds = [outcome.fault.kind for outcome in drill.outcomes]
    allowed = kinds.count(PAUSE) + 2 * sum(kind in (POSTGRES, DISK_FULL, EVERYTHING) for kind in kinds)
    again = sum(message.attempts > 1 for message in drill.evidence.inbound)
    figure = f"{drill.abandoned_turns} late turns refused, {allowed} can be explained; {again} messages were tried again"
    return Claim("workers do not take each other's messages", figure, drill.abandoned_turns <= allowed)


def _in_flight(repeated: Accepted, kill: float, ledger: Ledger) -> bool:
    """Tell whether the gateway was killed between a send and its repetition; a call may reach the provider just after it."""
    same = (one.at for one in ledger.accepted if (one.address, one.text) == (repeated.address, repeated.text))
    again = min((at for at in same if at > repeated.at), default=None)
    return again is not None and repeated.at - PROVIDER_SECONDS <= kill <= again


@dataclass(frozen=True)
class _Recovery:
    """After a kind of fault: what must go on, and how much longer than usual that may take."""

    name: str
    kinds: tuple[str, ...]
    signs: tuple[str, ...]
    extra: float = 0.0


_ACKNOWLEDGED, _DECIDED, _QUEUED, _SENT = "webhook acknowledged", "turn committed", "reply queued", "reply at a provider"
_RECOVERIES = (
    _Recovery("gateway killed", (GATEWAY,), (_ACKNOWLEDGED, _SENT)),
    _Recovery("PostgreSQL killed", (POSTGRES,), (_ACKNOWLEDGED, _DECIDED, _SENT)),
    _Recovery("a worker killed", (WORKER_1, WORKER_2), (_DECIDED,)),
    _Recovery("disk full", (DISK_FULL,), (_ACKNOWLEDGED, _DECIDED, _SENT)),
    _Recovery("a worker stopped", (PAUSE,), (_DECIDED,)),
    _Recovery("both workers killed", (BOTH_WORKERS,), (_QUEUED,), LOADING_SECONDS),
    _Recovery("everything killed", (EVERYTHING,), (_ACKNOWLEDGED, _QUEUED), LOADING_SECONDS),
)


def _recovery(drill: Drill, within: float) -> Iterator[Claim]:
    sent = [one.at for one in drill.ledger.accepted]
    moments = {
        _ACKNOWLEDGED: drill.post.moments,
        _DECIDED: drill.evidence.turns_at,
        _QUEUED: drill.evidence.replies_at,
        _SENT: sent,
    }
    for recovery in _RECOVERIES:
        found = [outcome for outcome in drill.outcomes if outcome.fault.kind in recovery.kinds]
        if not found:
            continue
        worst = {sign: max(_first_after(moments[sign], one.since) for one in found) for sign in recovery.signs}
        times = ", ".join(f"{sign} {seconds:.1f} s" for sign, seconds in worst.items())
        limit = within + recovery.extra
        figure = f"{len(found)} x, at most after {found[0].from_what}: {times}"
        yield Claim(f"it goes on within {limit:.0f} s: {recovery.name}", figure, max(worst.values()) < limit)


def _first_after(moments: Sequence[float], since: float) -> float:
    return min((at - since for at in moments if at >= since), default=float("inf"))


def _waits(drill: Drill) -> Claim:
    """Say how long people waited: not a promise, but what they saw."""
    waits = sorted(
        max(part.at for reply in message.replies if not reply.is_stand_in for part in reply.taken)
        - drill.post.acknowledged[message.key]
        for message in drill.evidence.inbound
        if _is_answered(message) and message.key in drill.post.acknowledged
    )
    stand_ins = sum(reply.is_stand_in for message in drill.evidence.inbound for reply in message.replies)
    shares = ", ".join(f"{name} {waits[int(share * (len(waits) - 1))]:.1f} s" for name, share in _SHARES) if waits else "none"
    return Claim(
        "waiting for the answer (a figure, no claim)", f"{shares}; {stand_ins} were told that their message is kept", True
    )


_SHARES = (("half of them", 0.5), ("95 %", 0.95), ("99 %", 0.99), ("the longest", 1.0))


def _faults_were_real(drill: Drill) -> Iterator[Claim]:
    broken = {outcome.fault.kind for outcome in drill.outcomes}
    yield Claim(
        "everything planned was broken", f"{len(drill.outcomes)} faults of {len(broken)} kinds", broken == drill.plan.kinds
    )
    trouble = drill.ledger.trouble
    yield Claim("the providers made trouble", _listed(trouble), len(trouble) >= len(TROUBLE) - 1)
    for outcome in drill.outcomes:
        if outcome.fault.kind == DISK_FULL:
            yield Claim(
                "the disk was full",
                f"{outcome.fault.down_seconds:.0f} s; {'; '.join(outcome.notes)}",
                "refused 0 times" not in outcome.notes,
            )
        if outcome.fault.kind == PAUSE:
            figure = f"{drill.plan.pause_seconds:.0f} s, {'; '.join(outcome.notes)}"
            yield Claim("a worker slept beyond its lease", figure, "was idle" not in outcome.notes)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items()) or "none"
