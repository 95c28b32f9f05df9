"""Take answers, destinations and topics out of use, and bring them back.

An answer in one language is retired by taking its file out: people get the Spanish text. A destination or a topic is retired by a
date in its data, `retired_on`, so that all its files stay where they are; people get the general answer, or learn that there is
no checked answer and who can help.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import yaml

from bot.content.library import ContentLibrary
from bot.content.writing import TOPIC_ORDER, replace_values
from bot.editor.drafts import Drafts, OpenDraft
from bot.editor.folder import ContentFolder, fingerprint
from bot.editor.refusals import PublicationRefused
from bot.editor.sessions import Staff
from bot.i18n import N_, SOURCE_LOCALE

_FIELD = "retired_on"


class Retiring:
    """Makes the drafts that retire and bring back; they are reviewed and published as any other.

    Args:
        clock: returns the present time, aware UTC.
    """

    def __init__(self, drafts: Drafts, folder: ContentFolder, library: ContentLibrary, clock: Callable[[], datetime]) -> None:
        self._drafts = drafts
        self._folder = folder
        self._library = library
        self._clock = clock

    def answer(self, path: str, by: Staff) -> OpenDraft:
        """Propose to take an answer's file out.

        Raises:
            PublicationRefused: there is an open draft of it, or it must stay.
            ValueError: the path names no answer.
        """
        if not path.endswith(".md"):
            raise ValueError("not an answer")
        self._require_settled(path)
        on_disk = self._folder.read(path)
        locale = path.removesuffix(".md").rsplit("/", 1)[-1].rsplit(".", 1)[-1]
        if locale == SOURCE_LOCALE:
            raise PublicationRefused("source", N_("editor.retire.source"))
        if not on_disk:
            raise PublicationRefused("gone", N_("editor.retire.gone"))
        return self._drafts.save(path, locale, "", on_disk, fingerprint(on_disk), by.id)

    def block(self, path: str, destination: str, by: Staff, *, is_retired: bool) -> OpenDraft:
        """Propose to retire a destination, or with an empty one the whole topic, or to bring it back.

        Args:
            path: the topic's `topic.yml`.

        Raises:
            PublicationRefused: there is an open draft of it, the topic is urgent, or the file cannot be read.
        """
        self._require_settled(path)
        on_disk = self._folder.read(path)
        try:
            text = _marked(on_disk, destination, self._clock().date().isoformat() if is_retired else "")
        except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
            raise PublicationRefused("unreadable", N_("editor.retire.unreadable")) from None
        if text == on_disk:
            raise PublicationRefused("gone", N_("editor.retire.gone"))
        if is_retired and not destination:
            self._require_not_urgent(path)
        return self._drafts.save(path, "", text, on_disk, fingerprint(on_disk), by.id)

    def require_possible(self, draft: OpenDraft) -> None:
        """Refuse what must never be retired, however the draft came about.

        Raises:
            PublicationRefused: a topic would lose its Spanish answer or its data, or an urgent topic would be retired.
        """
        if draft.is_retirement and (not draft.path.endswith(".md") or draft.locale == SOURCE_LOCALE):
            raise PublicationRefused("source", N_("editor.retire.source"))
        if draft.path.endswith("/topic.yml") and is_marked(draft.text):
            self._require_not_urgent(draft.path)

    def _require_not_urgent(self, path: str) -> None:
        entry = self._library.loaded.catalogue.get(path.split("/")[1])
        if entry is not None and entry.is_urgent:
            raise PublicationRefused("urgent", N_("editor.retire.urgent"))

    def _require_settled(self, path: str) -> None:
        if self._drafts.find(path):
            raise PublicationRefused("open_draft", N_("editor.history.open_draft"))


def is_marked(text: str) -> bool:
    """Tell whether a `topic.yml` says that the whole topic is retired."""
    try:
        return _FIELD in (yaml.load(text, Loader=yaml.CSafeLoader) or {})
    except (yaml.YAMLError, TypeError):
        return False


def _marked(raw: str, destination: str, day: str) -> str:
    """Return a `topic.yml` with the mark set, or taken away when the day is empty."""
    data = yaml.load(raw, Loader=yaml.CSafeLoader)
    block = data["destinations"][destination] if destination else data
    changed = {key: value for key, value in block.items() if key != _FIELD}
    if day:
        changed[_FIELD] = day
    if destination:
        changed = {**data, "destinations": {**data["destinations"], destination: changed}}
    return replace_values(raw, changed, TOPIC_ORDER)
