"""Find the keys of sentences outside Python, for Babel: domain, catalogue of topics, web chat's page, editor's templates.

Babel calls these by the names in `babel.cfg`. Each yields (line, no function, key, comments).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any

import yaml

from bot.content.model import SECTIONS

Extracted = tuple[int, None, str, list[str]]
_PAGE_KEY = re.compile(
    r"data-(?:label|placeholder)=\"([a-z_]+)\""
    r"|webchat\.([a-z_]+)"
    r"|\b(?:text|say|makeHeard)\(\"([a-z_]+)\""
    r"|(?:mark|settle)\(\w+, \"([a-z_]+)\""
)
_TEMPLATE_KEY = re.compile(r"[\"'](editor(?:\.[a-z_]+)+)[\"']")


def extract_domain(fileobj: IO[bytes], keywords: Any, comment_tags: Any, options: Any) -> Iterator[Extracted]:
    """Yield the keys that the domain's responses name."""
    node = yaml.compose(fileobj.read().decode(), Loader=yaml.CSafeLoader)
    data = yaml.safe_load(yaml.serialize(node)) if node else {}
    for name, variations in (data.get("responses") or {}).items():
        for variation in variations:
            yield 1, None, variation["text"], [name]


def extract_catalogue(fileobj: IO[bytes], keywords: Any, comment_tags: Any, options: Any) -> Iterator[Extracted]:
    """Yield the titles of families, of topics without an answer in content/, and of sections."""
    data = yaml.safe_load(fileobj.read().decode())
    for family, topics in data["families"].items():
        if any(topic["kind"] != "system" for topic in topics):
            yield 1, None, f"family.{family}", ["a line of the menu, at most 24 characters"]
        for topic in topics:
            if topic["kind"] != "answer":
                yield 1, None, f"topic.{topic['id']}", ["a choice, at most 24 characters", topic["means"]]
    for section in SECTIONS:
        yield 1, None, f"section.{section}", ["a choice, at most 20 characters"]


def extract_page(fileobj: IO[bytes], keywords: Any, comment_tags: Any, options: Any) -> Iterator[Extracted]:
    """Yield the keys that the web chat's page and script use."""
    for number, line in enumerate(fileobj.read().decode().splitlines(), 1):
        for found in _PAGE_KEY.finditer(line):
            yield number, None, f"webchat.{found[found.lastindex or 1]}", []


def extract_template(fileobj: IO[bytes], keywords: Any, comment_tags: Any, options: Any) -> Iterator[Extracted]:
    """Yield the keys that a template of the editor writes out in full; parts of keys are named in Python with `N_`."""
    for number, line in enumerate(fileobj.read().decode().splitlines(), 1):
        for found in _TEMPLATE_KEY.finditer(line):
            yield number, None, found[1], []
