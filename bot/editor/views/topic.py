"""One topic: its answers in all languages side by side."""

from __future__ import annotations

from starlette.responses import Response

from bot.content.model import Topic
from bot.editor.pages import PageNotFound, Pages
from bot.editor.roles import Need
from bot.editor.states import REVIEW_KEYS, REVIEW_TAGS, TEXT_KEYS, TEXT_TAGS, blocks, review_state, text_state
from bot.editor.views.topics import SENSITIVITY_KEYS
from bot.editor.visit import Visit
from bot.i18n import LOCALES

pages = Pages()


@pages.get("/topics/{topic_id}", needs=Need.READ)
def show_topic(visit: Visit) -> Response:
    """Show a topic's answers for one destination, all languages side by side."""
    topic = find_topic(visit)
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
        may_change={locale: visit.staff.may_change(locale) for locale in LOCALES},
        review=review_state(blocks(topic)[destination], visit.parts.today()),
        sensitivity_keys=SENSITIVITY_KEYS,
        text_keys=TEXT_KEYS,
        text_tags=TEXT_TAGS,
        review_keys=REVIEW_KEYS,
        review_tags=REVIEW_TAGS,
    )


def path_of(topic: Topic, destination: str, locale: str) -> str:
    """Return the path of an answer below the content folder; it need not exist."""
    return f"{topic.family}/{topic.id}/{destination + '.' if destination else ''}{locale}.md"


def find_topic(visit: Visit) -> Topic:
    """Return the topic that the address names.

    Raises:
        PageNotFound: there is none, or it has no files yet.
    """
    topic = visit.parts.library.loaded.topics.get(visit.path["topic_id"])
    if topic is None:
        raise PageNotFound
    return topic
