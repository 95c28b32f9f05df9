"""Answers as PO, the format of translators' tools: the source is the text to translate, the place stands in the context."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping

from babel.messages.catalog import Catalog
from babel.messages.pofile import PoFileError, read_po, write_po

from bot.editor.sheets.answers import HEADINGS
from bot.editor.sheets.cells import carried
from bot.editor.sheets.files import UPLOAD_LIMIT
from bot.editor.sheets.plan import CellFault, Sheet, SheetRefused, SheetRow
from bot.i18n import N_

_GENERAL = "-"
_HASHES = ("hash", "source_hash")


def looks_like_po(data: bytes) -> bool:
    """Tell a PO file from a table by its first entry."""
    return b'msgid ""' in data[:4000] and b"msgstr" in data[:4000]


def write_answers_po(rows: Iterable[Mapping[str, str]], locale: str) -> bytes:
    """Return the rows of one language as PO; a translation whose source has changed is marked fuzzy."""
    catalogue = Catalog(locale=locale, project="Ruta Segura", fuzzy=False)
    for row in rows:
        if not row["source_text"]:
            continue
        context = "/".join((row["topic"], row["destination"] or _GENERAL, row["part"]))
        comments = [f"{name}: {row[name]}" for name in _HASHES if row[name]]
        flags = ["fuzzy"] if row["state"].startswith("drifted") and row["text"] else []
        source, text = carried(row["source_text"]), carried(row["text"])
        catalogue.add(source, text, context=context, auto_comments=comments, flags=flags)
    made = io.BytesIO()
    write_po(made, catalogue, width=0)
    return made.getvalue()


def read_answers_po(data: bytes) -> Sheet:
    """Read a PO file of answers as a table; fuzzy and empty entries are left as they are.

    Raises:
        SheetRefused: it is too large, broken, or names no language.
    """
    if len(data) > UPLOAD_LIMIT:
        raise SheetRefused(CellFault(N_("editor.sheets.too_large"), values={"limit": UPLOAD_LIMIT // 1024 // 1024}))
    try:
        catalogue = read_po(io.BytesIO(data), abort_invalid=True)
    except (PoFileError, ValueError, LookupError, TypeError) as error:
        raise SheetRefused(CellFault(N_("editor.sheets.broken"))) from error
    language = catalogue.locale_identifier or ""
    rows = [
        _row(str(message.context or ""), str(message.string), language, message.auto_comments, message.lineno or 0)
        for message in catalogue
        if message.id and message.string and not message.fuzzy
    ]
    return Sheet(HEADINGS, tuple(rows))


def _row(context: str, text: str, language: str, comments: Iterable[str], line: int) -> SheetRow:
    topic, _, rest = context.partition("/")
    destination, _, part = rest.partition("/")
    noted = dict(comment.split(": ", 1) for comment in comments if ": " in comment)
    values = {
        "topic": topic,
        "destination": "" if destination == _GENERAL else destination,
        "language": language,
        "part": part,
        "text": text,
        **{name: noted.get(name, "") for name in _HASHES},
    }
    return SheetRow(line, {name: values.get(name, "") for name in HEADINGS})
