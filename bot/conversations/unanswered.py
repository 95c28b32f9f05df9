"""Keep for staff what got no certain answer, so that they can write an answer or examples for it.

Counted: typed questions that got choices (also when one of them is taken: the words were not clear), and those that were not
understood. Not counted: taps, the menu and a person when they were asked for (they were understood), and anything that may
be an emergency, which must not lie in a list of everyday questions.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.orm import Session

from bot.storage.models import UnansweredQuestion
from bot.storage.vault import Vault

STATES = ("open", "example", "new_topic", "out_of_scope", "ignored")
"""What staff make of a question: not looked at, taken as an example, worth a new topic, not for us, or nothing."""
MOST_GUESSES = 5


@dataclass(frozen=True)
class Question:
    """A question without a certain answer.

    Attributes:
        masked_text: without personal numbers.
        decision: `choices` or `not_understood`.
        guesses: (topic, probability), the likeliest first.
    """

    masked_text: str = field(repr=False)
    decision: str
    guesses: tuple[tuple[str, float], ...]


def unanswered(
    masked_text: str,
    decision: str,
    is_miss: bool,
    choices: Collection[str],
    ranking: tuple[tuple[str, float], ...],
    urgent_topics: Collection[str],
) -> Question | None:
    """Return the question to keep, or None when the turn counts as answered or may be an emergency.

    Args:
        decision: what was decided, as in `Trace`.
        is_miss: the message was not understood.
    """
    if not masked_text.strip() or not (is_miss or decision == "choices"):
        return None
    likeliest = [topic for topic, _ in ranking[:1]]
    if any(topic in urgent_topics for topic in (*choices, *likeliest)):
        return None
    return Question(masked_text, "choices" if decision == "choices" else "not_understood", ranking[:MOST_GUESSES])


def person_hash(vault: Vault, contact_id: str) -> str:
    """Return what counts people without naming them; once the contact's random id is gone, nobody can make it again."""
    return vault.keyed_hash("question", contact_id)


def store_question(session: Session, vault: Vault, question: Question, contact_id: str, locale: str, asked_at: datetime) -> None:
    """Store a question inside the turn's transaction."""
    guesses = [{"topic": topic, "probability": round(chance, 4)} for topic, chance in question.guesses]
    row = {
        "contact_id": contact_id,
        "person_hash": person_hash(vault, contact_id),
        "masked_text": question.masked_text,
        "locale": locale,
        "decision": question.decision,
        "guesses": json.dumps(guesses),
        "asked_at": asked_at,
        "state": STATES[0],
    }
    session.connection().execute(insert(UnansweredQuestion).values(**row))
