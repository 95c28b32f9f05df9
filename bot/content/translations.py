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


def fill_source_hash(path: Path) -> bool:
    """Write the present hash of its source into a translation, and say whether the file changed.

    Use it only after the translation was compared with its source: it says that both agree.

    Raises:
        ContentError: the source is not there, or the head has no `source_hash` line.
    """
    source = source_path(path)
    if source is None:
        return False
    if not source.exists():
        raise ContentError(f"{path}: {source.name}, which this translates, is not there")
    raw = path.read_text(encoding="utf-8")
    filled, count = _HASH_LINE.subn(f'source_hash: "{content_hash(source)}"', raw, count=1)
    if not count:
        raise ContentError(f'{path}: add a line source_hash: "000000000000" below translation_of')
    if filled != raw:
        path.write_text(filled, encoding="utf-8")
    return filled != raw


def fill_all(folder: Path) -> list[Path]:
    """Fill the hash of every translation below the content folder, and return the files that changed.

    Raises:
        ContentError: as `fill_source_hash`.
    """
    return [path for path in sorted(folder.glob("*/*/*.md")) if fill_source_hash(path)]
