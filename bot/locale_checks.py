"""Check the catalogues and the domain: every key has a sentence in every language, with the same placeholders, and fits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from bot.content.model import Problem
from bot.i18n import LOCALES, SOURCE_LOCALE, STAFF_LOCALES, STAFF_PREFIX

KEYWORDS = {"text": (2,), "sentence": (1,), "say": (1,), "N_": None}
"""Which calls name a key, and as which argument, in Babel's notation."""
TITLE_LIMITS = {"section.": 20, "choices.": 20, "topic.": 24, "family.": 24}
"""Characters that WhatsApp shows of a button (20) and of a list row (24); see channels/whatsapp/limits.py."""
_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_KEY = re.compile(r"^[a-z]+(\.[a-z_]+)+$")


def extracted_keys(root: Path) -> dict[str, str]:
    """Return every key that code, domain, catalogue and page use, with the file that uses it."""
    with (root / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    rows = extract_from_dir(str(root), methods, options, keywords=KEYWORDS, directory_filter=_is_ours)
    return {str(key): str(name) for name, _, key, _, _ in rows if _KEY.match(str(key))}


def check_catalogues(root: Path) -> list[Problem]:
    """Return what is missing, left over, too long or unlike its source in `locales/`."""
    used = extracted_keys(root)
    catalogues = {locale: _read(root, locale) for locale in LOCALES}
    problems: list[Problem] = []
    for locale, catalogue in catalogues.items():
        path = root / "locales" / locale / "LC_MESSAGES" / "messages.po"
        needed = used if locale in STAFF_LOCALES else {key: where for key, where in used.items() if not _is_staff_key(key)}
        problems += _missing(path, catalogue, needed)
        problems += _unlike_source(path, catalogue, catalogues[SOURCE_LOCALE])
    return problems


def _is_staff_key(key: str) -> bool:
    return key.startswith(STAFF_PREFIX)


def _missing(path: Path, catalogue: Catalog, used: dict[str, str]) -> Iterator[Problem]:
    known = {str(message.id): message for message in catalogue if message.id}
    for key, where in sorted(used.items()):
        if key not in known:
            yield Problem(path, 0, "key_missing", f"{key} (used in {where}) has no entry; add it")
        elif not known[key].string:
            yield Problem(path, known[key].lineno or 0, "key_empty", f"{key} has no text; write it")
        elif known[key].fuzzy:
            yield Problem(path, known[key].lineno or 0, "key_fuzzy", f"{key} is a draft; review it and remove `fuzzy`")
    for key in sorted(set(known) - set(used)):
        yield Problem(path, known[key].lineno or 0, "key_unused", f"{key} is used nowhere; remove the entry")


def _unlike_source(path: Path, catalogue: Catalog, source: Catalog) -> Iterator[Problem]:
    for message in catalogue:
        if not message.id:
            continue
        original = source.get(str(message.id))
        for code, reason in sentence_faults(str(message.id), str(message.string), str(original.string) if original else None):
            yield Problem(path, message.lineno or 0, code, f"{message.id}: {reason}")


def sentence_faults(key: str, text: str, source: str | None) -> Iterator[tuple[str, str]]:
    """Yield code and reason of what is wrong in one sentence.

    Args:
        source: the Spanish sentence; None when there is none to compare with.
    """
    if source is not None and set(_PLACEHOLDER.findall(text)) != set(_PLACEHOLDER.findall(source)):
        yield "placeholders", "the {words} differ from the Spanish text"
    elif "{" in _PLACEHOLDER.sub("", text) or "}" in _PLACEHOLDER.sub("", text):
        yield "braces", "a { or } is no placeholder; take it out"
    limit = next((limit for prefix, limit in TITLE_LIMITS.items() if key.startswith(prefix)), 0)
    if limit and len(text) > limit:
        yield "too_long", f"{len(text)} characters; at most {limit} are shown"


def placeholders(text: str) -> list[str]:
    """Return the placeholders of a sentence, with their braces, in their order."""
    return [f"{{{name}}}" for name in dict.fromkeys(_PLACEHOLDER.findall(text))]


def _read(root: Path, locale: str) -> Catalog:
    with (root / "locales" / locale / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=locale)


def _is_ours(folder: str) -> bool:
    return not any(part.startswith(".") or part in ("var", "models", "tests", "node_modules") for part in Path(folder).parts[-1:])
