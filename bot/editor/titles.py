"""What topics are called on pages."""

from __future__ import annotations

from bot.editor.parts import EditorParts
from bot.editor.visit import Visit
from bot.i18n import N_, SOURCE_LOCALE

_OWN_KEYS = {"conversation": N_("editor.example.conversation")}
"""Contacts see the others in menus; this family has no menu."""


def topic_titles(parts: EditorParts) -> dict[str, str]:
    """Return the name of each topic of the catalogue: the title of its Spanish answer, else its id in words."""
    loaded = parts.library.loaded
    titles = {}
    for topic_id in loaded.catalogue:
        topic = loaded.topics.get(topic_id)
        answer = topic.answers.get(("", SOURCE_LOCALE)) if topic else None
        titles[topic_id] = answer.title if answer else topic_id.replace("_", " ")
    return titles


def family_names(visit: Visit) -> dict[str, str]:
    """Return the name of each family, in the language of the person at the page."""
    families = dict.fromkeys(topic.family for topic in visit.parts.library.loaded.catalogue.values())
    return {name: visit.say(_OWN_KEYS.get(name, f"family.{name}")) for name in families}
