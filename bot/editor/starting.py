"""Begin a topic that is not there yet: its line of the catalogue, data and Spanish answer, as drafts that go live together."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import yaml

from bot.content.checks.entry import CATALOGUE
from bot.content.checks.provenance import CRITICAL_REVIEW_DAYS, REVIEW_DAYS
from bot.content.model import Provenance, Source, Topic
from bot.content.writing import AnswerText, format_answer, format_mapping
from bot.editor.bundles import catalogue_ids
from bot.editor.folder import fingerprint
from bot.editor.parts import EditorParts
from bot.editor.refusals import PublicationRefused
from bot.i18n import N_, SOURCE_LOCALE

_ID = re.compile(r"[a-z][a-z0-9_]{2,39}")


@dataclass(frozen=True)
class NewTopic:
    """What a person says of a topic that shall be.

    Attributes:
        means: what somebody who asks for it wants to know, in a sentence.
    """

    id: str
    family: str
    means: str
    title: str
    menu_title: str
    owner: str
    sensitivity: str
    is_by_destination: bool


def begin_topic(parts: EditorParts, new: NewTopic, by: str) -> None:
    """Make the drafts of a new topic.

    Raises:
        PublicationRefused: the id is malformed or taken, or another new topic waits to be published.
    """
    on_disk = parts.folder.read(CATALOGUE)
    if not _ID.fullmatch(new.id):
        raise PublicationRefused("id_malformed", N_("editor.new_topic.id_malformed"))
    if new.id in catalogue_ids(on_disk) or (parts.content / new.family / new.id).exists():
        raise PublicationRefused("id_taken", N_("editor.new_topic.id_taken"))
    if parts.drafts.find(CATALOGUE):
        raise PublicationRefused("another_waits", N_("editor.new_topic.another_waits"))
    here = f"{new.family}/{new.id}"
    drafts = {
        CATALOGUE: _with_row(on_disk, new),
        f"{here}/topic.yml": _data(new, parts.today()),
        f"{here}/{SOURCE_LOCALE}.md": format_answer(AnswerText(new.title, new.menu_title)),
    }
    for path, text in drafts.items():
        before = parts.folder.read(path)
        locale = SOURCE_LOCALE if path.endswith(".md") else ""
        parts.drafts.save(path, locale, text, before, fingerprint(before), by)


def begun_topic(parts: EditorParts, topic_id: str) -> Topic | None:
    """Return what pages need of a topic that exists only in drafts; None: there is none of this id."""
    catalogue = parts.drafts.find(CATALOGUE)
    family = catalogue_ids(catalogue.text).get(topic_id, "") if catalogue else ""
    draft = parts.drafts.find(f"{family}/{topic_id}/topic.yml") if family else None
    if draft is None:
        return None
    try:
        data = yaml.load(draft.text, Loader=yaml.CSafeLoader) or {}
    except yaml.YAMLError:
        data = {}
    today = parts.today()
    return Topic(
        id=topic_id,
        family=family,
        path=parts.content / Path(draft.path),
        owner=str(data.get("owner", "")),
        sensitivity=str(data.get("sensitivity", "careful")),
        is_urgent=False,
        provenance=Provenance((), (Source("", "", "", ""),), "", "", today, today),
        destinations={},
        emergency_services=(),
        related=(),
        help_points=(),
        answers={},
    )


def _with_row(catalogue: str, new: NewTopic) -> str:
    """Return the catalogue with one line more, at the end of its family.

    Raises:
        PublicationRefused: there is no such family, or the file is not as we know it.
    """
    flag = ", by_destination: true" if new.is_by_destination else ""
    row = f"    - {{id: {new.id}, kind: answer{flag}, means: {json.dumps(new.means, ensure_ascii=False)}}}"
    lines = catalogue.splitlines()
    if f"  {new.family}:" not in lines:
        raise PublicationRefused("family_unknown", N_("editor.new_topic.family_unknown"))
    place = lines.index(f"  {new.family}:") + 1
    while place < len(lines) and lines[place].startswith("    "):
        place += 1
    text = "\n".join([*lines[:place], row, *lines[place:]]) + "\n"
    if catalogue_ids(text) != {**catalogue_ids(catalogue), new.id: new.family}:
        raise PublicationRefused("unreadable", N_("editor.retire.unreadable"))
    return text


def _data(new: NewTopic, today: date) -> str:
    days = CRITICAL_REVIEW_DAYS if new.sensitivity == "critical" else REVIEW_DAYS
    return format_mapping(
        {
            "id": new.id,
            "owner": new.owner,
            "sensitivity": new.sensitivity,
            "reviewed_on": today.isoformat(),
            "review_by": (today + timedelta(days=days)).isoformat(),
            "facts": [],
            "sources": [],
            "verify_at": {"name": "", "url": ""},
            "related": [],
        }
    )
