"""Questions without an answer in a database, as the worker stores them."""

from __future__ import annotations

from sqlalchemy import func, select

from bot.conversations.unanswered import Question, store_question
from bot.storage.models import Contact, UnansweredQuestion
from tests.support.editor import EditorWorld


def ask(world: EditorWorld, text: str, person: str = "a", locale: str = "es", **guesses: float) -> int:
    """Store a question of an invented person and return its id."""
    parts = world.parts
    with parts.database.transaction() as session:
        if session.get(Contact, f"contact-{person}") is None:
            session.add(
                Contact(
                    id=f"contact-{person}",
                    channel="webchat",
                    address_hash=f"hash-{person}",
                    address_encrypted=parts.vault.encrypt(f"address-{person}"),
                    created_at=parts.clock(),
                    last_inbound_at=parts.clock(),
                )
            )
            session.flush()
        question = Question(text, "not_understood", tuple(guesses.items()))
        store_question(session, parts.vault, question, f"contact-{person}", locale, parts.clock())
        newest = session.scalar(select(func.max(UnansweredQuestion.id)))
        assert newest is not None
        return newest
