"""What a contact would get if a text were live: composed by the same code that answers people, from content in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from bot.content.loader import LoadedContent
from bot.content.model import LEAD_LIMIT, SECTION_LIMIT, Answer, Topic
from bot.content.overlay import ContentInMemory
from bot.content.writing import AnswerText
from bot.conversations.replies import Replies
from bot.i18n import Catalogues
from bot.markup import plain_text
from bot.messages import OutboundMessage


@dataclass(frozen=True)
class ShownPart:
    """One part of an answer as a reply; `name` is empty for the lead.

    Attributes:
        length: characters of the part's own text, without marks.
        limit: the most that it may have.
    """

    name: str
    message: OutboundMessage
    length: int
    limit: int


class ShownReplies:
    """Composes replies from texts that are not live."""

    def __init__(self, texts: Catalogues, people: Path) -> None:
        self._texts = texts
        self._people = people

    def parts(self, loaded: LoadedContent, topic: Topic, destination: str, locale: str, text: AnswerText) -> list[ShownPart]:
        """Return the reply with the lead and those with each section, as they would be on the day of the review."""
        block = topic.destinations.get(destination, topic.provenance)
        answer = Answer(topic.path, locale, destination, text.title, text.menu_title, text.lead, text.sections, text_hash="")
        destinations = {**topic.destinations, destination: block} if destination else topic.destinations
        changed = replace(topic, answers={**topic.answers, (destination, locale): answer}, destinations=destinations)
        held = replace(loaded, topics={**loaded.topics, topic.id: changed})
        replies = Replies(ContentInMemory(held, block.reviewed_on), self._texts, self._people)
        parts = [ShownPart("", replies.answer(topic.id, destination, locale), len(plain_text(text.lead)), LEAD_LIMIT)]
        for name, body in text.sections.items():
            message = replies.section(topic.id, name, destination, locale)
            parts.append(ShownPart(name, message, len(plain_text(body)), SECTION_LIMIT))
        return parts
