"""Which drafts go live together: a new topic is a line of the catalogue, its data and its Spanish answer; a new destination is a
block of the data and its Spanish answer. One without the others would be a fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from bot.content.checks.entry import CATALOGUE
from bot.editor.drafts import Drafts, OpenDraft
from bot.editor.folder import ContentFolder
from bot.i18n import SOURCE_LOCALE


def bundle_of(draft: OpenDraft, drafts: Drafts, folder: ContentFolder) -> list[OpenDraft]:
    """Return the drafts that are published with this one, itself among them, in the order in which they are written.

    What nobody can reach yet is written first, so that readers never meet a part without the rest.
    """
    paths = list(dict.fromkeys(_paths(draft, drafts, folder)))
    found = [draft if path == draft.path else drafts.find(path) for path in paths]
    return [each for each in found if each is not None]


def text_of(bundle: Sequence[OpenDraft]) -> str:
    """Return all texts of a bundle as one, to tell whether any of them changed."""
    return "\0".join(each.text for each in bundle)


def catalogue_ids(text: str) -> dict[str, str]:
    """Return the topics of a catalogue with their families; none when it cannot be read."""
    try:
        families = _mapping(text).get("families") or {}
        return {str(row["id"]): str(family) for family, rows in families.items() for row in rows}
    except (AttributeError, KeyError, TypeError):
        return {}


def blocks_of(text: str) -> set[str]:
    """Return the destinations that a `topic.yml` has blocks for."""
    found = _mapping(text).get("destinations")
    return set(found) if isinstance(found, dict) else set()


def _paths(draft: OpenDraft, drafts: Drafts, folder: ContentFolder) -> Iterator[str]:
    catalogue = drafts.find(CATALOGUE)
    new_topics = _new_topics(catalogue.text, folder.read(CATALOGUE)) if catalogue else {}
    if draft.path == CATALOGUE:
        for topic_id, family in new_topics.items():
            yield from (f"{family}/{topic_id}/{SOURCE_LOCALE}.md", f"{family}/{topic_id}/topic.yml")
        yield CATALOGUE
        return
    if draft.path.count("/") != 2:  # A help point stands alone, and so do facts here.
        yield draft.path
        return
    family, topic_id, name = draft.path.split("/")
    here = f"{family}/{topic_id}"
    if topic_id in new_topics and name in (f"{SOURCE_LOCALE}.md", "topic.yml"):
        yield from (f"{here}/{SOURCE_LOCALE}.md", f"{here}/topic.yml", CATALOGUE)
        return
    data = drafts.find(f"{here}/topic.yml")
    added = blocks_of(data.text) - blocks_of(folder.read(data.path)) if data else set()
    answers = [f"{here}/{code}.{SOURCE_LOCALE}.md" for code in sorted(added)]
    if data and answers and draft.path in (*answers, data.path):
        yield from (*answers, data.path)
        return
    yield draft.path


def _new_topics(text: str, on_disk: str) -> dict[str, str]:
    known = catalogue_ids(on_disk)
    return {topic_id: family for topic_id, family in catalogue_ids(text).items() if topic_id not in known}


def _mapping(text: str) -> dict[str, Any]:
    try:
        found = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}
