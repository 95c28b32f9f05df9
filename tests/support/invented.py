"""What stands in a busy office, all of it invented: drafts, questions, ratings and a history; for pictures and for measurements."""

from __future__ import annotations

from sqlalchemy import func, select

from bot.content.translations import content_hash
from bot.conversations.unanswered import Question, store_question
from bot.editor.folder import fingerprint
from bot.editor.parts import EditorParts
from bot.storage.models import AnswerFeedback, Contact, UnansweredQuestion

QUESTIONS = (
    "cuanto se demora la apostilla del titulo",
    "la apostilla del titulo cuanto demora",
    "mi hijo nacio en chile puede tener cedula de aqui",
    "hijo nacido en chile cedula ecuatoriana",
    "se puede llevar perro en el avion al volver",
    "necesito vacuna de fiebre amarilla para brasil",
)
CHANGES = {
    "routes/passport/es.md": ("Lo saca en el Registro Civil, en persona", "Lo saca en persona en el Registro Civil"),
    "routes/id_card/es.md": ("**", ""),
    "risks/risk_darien/es.md": (".", "!"),
}


def fill(parts: EditorParts, author: str, questions: int = 6, rated: int = 3) -> list[int]:
    """Fill an office; return the numbers of the drafts.

    Args:
        author: the id of the person who wrote the drafts.
        questions: how many questions without an answer there are.
        rated: how many answers were rated, by eight people each; the first half of them badly.
    """
    numbers = []
    for path, (old, new) in CHANGES.items():
        on_disk = parts.folder.read(path)
        if on_disk:
            text = on_disk.replace(old, new, 1)
            numbers.append(parts.drafts.save(path, "es", text, on_disk, fingerprint(on_disk), author).id)
    for path in CHANGES:
        parts.versions.notice(path)
    _ask(parts, questions)
    _rate(parts, rated)
    return numbers


def _ask(parts: EditorParts, count: int) -> None:
    with parts.database.transaction() as session:
        known = session.scalar(select(func.count()).select_from(UnansweredQuestion)) or 0
        for number in range(known, known + count):
            contact = Contact(
                id=f"invented-{number}",
                channel="webchat",
                address_hash=f"invented-{number}",
                address_encrypted=parts.vault.encrypt(f"invented-{number}"),
                created_at=parts.clock(),
                last_inbound_at=parts.clock(),
            )
            session.add(contact)
            session.flush()
            text = QUESTIONS[number % len(QUESTIONS)] + (f" {number}" if number >= len(QUESTIONS) else "")
            store_question(session, parts.vault, Question(text, "not_understood", ()), contact.id, "es", parts.clock())


def _rate(parts: EditorParts, count: int) -> None:
    answers = [(topic, answer) for topic in parts.library.loaded.topics.values() for answer in topic.answers.values()][:count]
    with parts.database.transaction() as session:
        for place, (topic, answer) in enumerate(answers):
            version = content_hash(answer.path)
            for person in range(8):
                is_bad = place < (count + 1) // 2 and person < 6
                session.add(
                    AnswerFeedback(
                        person_hash=f"invented-{person}",
                        topic=topic.id,
                        destination=answer.destination,
                        locale=answer.locale,
                        version=version,
                        verdict="not" if is_bad else "helpful",
                        reason="unclear" if is_bad and person % 2 else "old" if is_bad else "",
                        given_at=parts.clock(),
                    )
                )
