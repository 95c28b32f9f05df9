"""Keep translations tied to the text they were made from: the hash of that text stands in their head."""

from __future__ import annotations

import re
from pathlib import Path

import frontmatter

from bot.content.loader import read_answer_body, text_hash
from bot.errors import ContentError

_HASH_LINE = re.compile(r"^source_hash:.*$", re.MULTILINE)


def content_hash(path: Path) -> str:
    """Return the hash of an answer file's text, as its translations carry it; the head does not count."""
    return text_hash(read_answer_body(path))


def source_path(path: Path) -> Path | None:
    """Return the file that a translation was made from, or None when the file is no translation."""
    source_locale = frontmatter.loads(path.read_text(encoding="utf-8")).get("translation_of")
    if not source_locale:
        return None
    destination = path.name.split(".")[0] + "." if path.name.count(".") == 2 else ""
    return path.with_name(f"{destination}{source_locale}.md")


def source_hash_of(path: Path) -> str:
    """Return the hash that a translation must carry, that of its source; for a source, the hash of its own text.

    Raises:
        ContentError: the source is not there.
    """
    source = source_path(path) or path
    if not source.exists():
        raise ContentError(f"{path}: {source.name}, which this translates, is not there")
    return content_hash(source)


def write_source_hash(path: Path) -> str:
    """Write the present hash of its source into a translation, and return it; a source is left as it is.

    Use it only after the translation was compared with its source: it says that both agree.

    Raises:
        ContentError: the source is not there, or the head has no `source_hash` line.
    """
    value = source_hash_of(path)
    if source_path(path) is None:
        return value
    raw = path.read_text(encoding="utf-8")
    filled, count = _HASH_LINE.subn(f'source_hash: "{value}"', raw, count=1)
    if not count:
        raise ContentError(f'{path}: add a line source_hash: "000000000000" below translation_of')
    if filled != raw:
        path.write_text(filled, encoding="utf-8")
    return value


def write_all_source_hashes(folder: Path) -> int:
    """Write the hash of every translation below the content folder, and return how many translations there are.

    Raises:
        ContentError: as `write_source_hash`.
    """
    translations = [path for path in sorted(folder.glob("*/*/*.md")) if source_path(path)]
    for path in translations:
        write_source_hash(path)
    return len(translations)
