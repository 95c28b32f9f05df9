"""One topic: its answers in all languages side by side."""

from __future__ import annotations

from starlette.responses import Response

from bot.content.model import Topic
from bot.editor.pages import PageNotFound, Pages
from bot.editor.roles import Need
from bot.editor.starting import begun_topic
from bot.editor.states import REVIEW_KEYS, REVIEW_TAGS, TEXT_KEYS, TEXT_TAGS, blocks, review_state, text_state
from bot.editor.views.topics import SENSITIVITY_KEYS
from bot.editor.visit import Visit
from bot.i18n import LOCALES, SOURCE_LOCALE

pages = Pages()


@pages.get("/topics/{topic_id}", needs=Need.READ)
def show_topic(visit: Visit) -> Response:
    """Show a topic's answers for one destination, all languages side by side."""
    topic = find_topic(visit)
    entry = visit.parts.library.loaded.catalogue.get(topic.id)
    known = visit.parts.content_destinations()
    destination = visit.query.get("for", "")
    if destination not in blocks(topic):
        raise PageNotFound
    return visit.render(
        "topic.html",
        topic=topic,
        title=topic.answers[destination, "es"].title if (destination, "es") in topic.answers else topic.id,
        destination=destination,
        blocks=blocks(topic),
        answers={locale: topic.answers.get((destination, locale)) for locale in LOCALES},
        states={locale: text_state(topic, destination, locale) for locale in LOCALES},
        drafts={locale: visit.parts.drafts.find(path_of(topic, destination, locale)) for locale in LOCALES},
        paths={locale: path_of(topic, destination, locale) for locale in LOCALES},
        data_path=f"{topic.family}/{topic.id}/topic.yml",
        is_urgent=topic.is_urgent,
        is_new=entry is None,
        new_destinations=_without_block(topic, known) if entry and entry.is_by_destination else [],
        may_write=visit.staff.may_change(""),
        source=SOURCE_LOCALE,
        may_change={locale: visit.staff.may_change(locale) for locale in LOCALES},
        review=review_state(blocks(topic)[destination], visit.parts.today()),
        sensitivity_keys=SENSITIVITY_KEYS,
        text_keys=TEXT_KEYS,
        text_tags=TEXT_TAGS,
        review_keys=REVIEW_KEYS,
        review_tags=REVIEW_TAGS,
    )


def _without_block(topic: Topic, destinations: tuple[str, ...]) -> list[str]:
    return [code for code in destinations if code not in topic.destinations and code not in topic.retired_destinations]


def path_of(topic: Topic, destination: str, locale: str) -> str:
    """Return the path of an answer below the content folder; it need not exist."""
    return f"{topic.family}/{topic.id}/{destination + '.' if destination else ''}{locale}.md"


def find_topic(visit: Visit) -> Topic:
    """Return the topic that the address names.

    Raises:
        PageNotFound: there is none, or it has neither files nor drafts.
    """
    loaded, topic_id = visit.parts.library.loaded, visit.path["topic_id"]
    topic = loaded.topics.get(topic_id) or loaded.retired.get(topic_id) or begun_topic(visit.parts, topic_id)
    if topic is None:
        raise PageNotFound
    return topic
