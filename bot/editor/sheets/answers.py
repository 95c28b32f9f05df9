"""Answers as a table, one row for each part of each text; and what a table of answers would change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from bot.content.loader import text_hash
from bot.content.model import SECTIONS, Kind, Topic
from bot.content.writing import AnswerText, body_of, format_answer, read_answer_text, tidy
from bot.editor.drafts import FileChange, OpenDraft
from bot.editor.parts import EditorParts
from bot.editor.sessions import Staff
from bot.editor.sheets.cells import carried
from bot.editor.sheets.plan import CellFault, Change, Plan, Sheet, SheetRow, missing_headings, part_hash, unknown
from bot.editor.states import TextState, blocks, text_state
from bot.i18n import LOCALES, N_, SOURCE_LOCALE

KIND = "answers"
HEADINGS = ("topic", "destination", "language", "part", "text", "source_text", "state", "compared", "hash", "source_hash")
NEEDED = ("topic", "destination", "language", "part", "text", "hash")
"""The headings without which nothing can be imported."""
WIDTHS = (24, 10, 10, 14, 70, 70, 10, 10, 16, 16)
ALWAYS = ("title", "menu_title", "lead")
"""The parts that every answer has."""
PARTS = (*ALWAYS, *SECTIONS)
_ON_ONE_LINE = frozenset({"title", "menu_title"})
_NO = frozenset({"", "no", "0", "false"})


@dataclass(frozen=True)
class Wanted:
    """Which answers are exported; an empty value stands for all.

    Attributes:
        only: a state, for example `drifted`.
    """

    family: str = ""
    topic: str = ""
    locale: str = ""
    only: str = ""


@dataclass(frozen=True)
class Text:
    """One answer file as it stands: the open draft, else the file."""

    topic: Topic
    destination: str
    locale: str
    path: str
    on_disk: str
    draft: OpenDraft | None

    @property
    def current(self) -> str:
        """The text to go on with."""
        return self.draft.text if self.draft else self.on_disk


class Texts:
    """The answer files with their drafts, which are read once."""

    def __init__(self, parts: EditorParts) -> None:
        self._folder = parts.folder
        self._drafts = {draft.path: draft for draft in parts.drafts.all_open()}
        self.topics: Mapping[str, Topic] = parts.library.loaded.topics
        catalogue = parts.library.loaded.catalogue.values()
        self.order = [self.topics[entry.id] for entry in catalogue if entry.kind is Kind.ANSWER and entry.id in self.topics]

    def find(self, topic: Topic, destination: str, locale: str) -> Text:
        """Return one text; it need not exist."""
        path = f"{topic.family}/{topic.id}/{destination + '.' if destination else ''}{locale}.md"
        return Text(topic, destination, locale, path, self._folder.read(path), self._drafts.get(path))

    def chosen(self, wanted: Wanted) -> Iterator[Text]:
        """Yield the texts that were asked for, in the catalogue's order."""
        for topic in self.order:
            if wanted.topic not in ("", topic.id) or wanted.family not in ("", topic.family):
                continue
            for destination in blocks(topic):
                for locale in [wanted.locale] if wanted.locale else LOCALES:
                    yield self.find(topic, destination, locale)


def part_texts(raw: str) -> dict[str, str]:
    """Return the texts of an answer file by part; of one that cannot be read, none."""
    try:
        text = read_answer_text(raw) if raw else AnswerText()
    except ValueError:
        return {}
    parts = {"title": text.title, "menu_title": text.menu_title, "lead": text.lead, **text.sections}
    return {name: body for name, body in parts.items() if body}


def answer_rows(texts: Texts, wanted: Wanted) -> Iterator[dict[str, str]]:
    """Yield the rows of an export; a translation has a row for each part of its source, written or not."""
    for text in texts.chosen(wanted):
        state = text_state(text.topic, text.destination, text.locale)
        if wanted.only and state.value != wanted.only:
            continue
        source = texts.find(text.topic, text.destination, SOURCE_LOCALE)
        own, original = part_texts(text.current), part_texts(source.on_disk)
        for part in PARTS:
            if part in own or (part in original and text.locale != SOURCE_LOCALE):
                yield _row(text, state, part, own.get(part, ""), original.get(part, ""), _source_hash(source))


def plan_answers(texts: Texts, staff: Staff, sheet: Sheet) -> Plan:
    """Return what a table would change in the answers as they stand now."""
    faults: list[CellFault] = list(missing_headings(sheet.headings, NEEDED))
    if faults:
        return Plan(KIND, faults=tuple(faults))
    grouped: dict[str, tuple[Text, list[SheetRow]]] = {}
    seen: dict[tuple[str, str], int] = {}
    for row in sheet.rows:
        text = _place(texts, staff, row, faults)
        if text is None:
            continue
        first = seen.setdefault((text.path, row.cells["part"]), row.number)
        if first != row.number:
            faults.append(CellFault(N_("editor.sheets.row_twice"), row.number, "part", {"row": first}))
            continue
        grouped.setdefault(text.path, (text, []))[1].append(row)
    changes: list[Change] = []
    files: list[FileChange] = []
    used: list[SheetRow] = []
    for text, rows in grouped.values():
        found = list(_changes(text, rows, faults))
        compared = [row for row in rows if row.cells.get("compared", "").strip().lower() not in _NO]
        if not found and not compared:
            continue
        made = _changed_text(texts, text, found, rows, compared)
        if made != text.current:
            changes += found or [_comparison(text, compared[0])]
            files.append(FileChange(text.path, text.locale, made, text.on_disk, text.current))
            numbers = {change.row for change in found}
            used += [row for row in rows if row.number in numbers or row in compared]
    return Plan(KIND, tuple(changes), tuple(faults), tuple(files), tuple(used), len(sheet.rows))


def clean(part: str, text: str) -> str:
    """Return a part's text as it stands in a file."""
    return " ".join(text.split()) if part in _ON_ONE_LINE else tidy(text).strip()


def _row(text: Text, state: TextState, part: str, own: str, original: str, source_hash: str) -> dict[str, str]:
    return {
        "topic": text.topic.id,
        "destination": text.destination,
        "language": text.locale,
        "part": part,
        "text": own,
        "source_text": "" if text.locale == SOURCE_LOCALE else original,
        "state": f"{state.value}, draft" if text.draft else state.value,
        "compared": "",
        "hash": part_hash(own),
        "source_hash": "" if text.locale == SOURCE_LOCALE or not source_hash else f"h{source_hash}",
    }


def _source_hash(source: Text) -> str:
    return text_hash(body_of(source.on_disk)) if source.on_disk else ""


def _place(texts: Texts, staff: Staff, row: SheetRow, faults: list[CellFault]) -> Text | None:
    """Return the text that a row is about; None, and a fault, when there is no such place or it is not this person's."""
    cells = row.cells
    topic = texts.topics.get(cells["topic"])
    destination, locale, part = cells["destination"], cells["language"], cells["part"]
    if topic is None:
        faults.append(unknown(row, "topic", list(texts.topics)))
    elif destination not in blocks(topic):
        faults.append(unknown(row, "destination", [code for code in blocks(topic) if code]))
    elif locale not in LOCALES:
        faults.append(unknown(row, "language", LOCALES))
    elif part not in PARTS:
        faults.append(unknown(row, "part", PARTS))
    else:
        text = texts.find(topic, destination, locale)
        own = part_texts(text.current).get(part, "")
        has_changed = clean(part, cells["text"]) != clean(part, carried(own))
        if not has_changed or staff.may_change(locale):
            return text
        faults.append(CellFault(N_("editor.answer.other_language"), row.number, "language"))
    return None


def _changes(text: Text, rows: Iterable[SheetRow], faults: list[CellFault]) -> Iterator[Change]:
    """Yield the cells that differ from the text as it stands; one that was exported from another text is a conflict."""
    own = part_texts(text.current)
    for row in rows:
        part, before = row.cells["part"], own.get(row.cells["part"], "")
        after = clean(part, row.cells["text"])
        if after == clean(part, carried(before)):
            continue
        if row.cells["hash"] != part_hash(before):
            values = {"part": part, "path": text.path}
            faults.append(CellFault(N_("editor.sheets.conflict"), row.number, "text", values, now=before))
        elif not after and part in ALWAYS:
            faults.append(CellFault(N_("editor.sheets.part_needed"), row.number, "text", {"part": part}))
        else:
            yield Change(row.number, text.path, part, before, after)


def _changed_text(texts: Texts, text: Text, changes: list[Change], rows: list[SheetRow], compared: list[SheetRow]) -> str:
    try:
        before = read_answer_text(text.current) if text.current else AnswerText()
    except ValueError:
        before = AnswerText()
    made = {**part_texts(text.current), **{change.column: change.after for change in changes}}
    after = AnswerText(
        title=made.get("title", ""),
        menu_title=made.get("menu_title", ""),
        lead=made.get("lead", ""),
        sections={name: made[name] for name in SECTIONS if made.get(name)},
        translation_of=before.translation_of,
        source_hash=before.source_hash,
    )
    if text.locale != SOURCE_LOCALE and (compared or not before.source_hash):
        given = (compared or rows)[0].cells.get("source_hash", "").removeprefix("h")
        present = _source_hash(texts.find(text.topic, text.destination, SOURCE_LOCALE))
        after = replace(after, translation_of=before.translation_of or SOURCE_LOCALE, source_hash=given or present)
    return format_answer(after)


def _comparison(text: Text, row: SheetRow) -> Change:
    before = read_answer_text(text.current).source_hash if text.current else ""
    return Change(row.number, text.path, "source_hash", before, row.cells.get("source_hash", "").removeprefix("h"))
