"""The page and its parts, put together once: the texts of all languages go into the page as data."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from importlib import resources

from bot.messages import WebhookResponse

Texts = Mapping[str, Mapping[str, str]]
"""Locale → key → sentence."""

BASE_PATH = "/webchat/"

_FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "app.js": ("app.js", "text/javascript; charset=utf-8"),
    "style.css": ("style.css", "text/css; charset=utf-8"),
}
_SLOT = re.compile(r"\{\{([a-z]{2}):(webchat\.[a-z_]+)\}\}")
_VERSION_SLOT = re.compile(r"\{\{version:([a-z.]+)\}\}")
_DATA_SLOT = "{{texts}}"


def build_pages(texts: Texts) -> dict[str, WebhookResponse]:
    """Return the pages by path.

    Raises:
        KeyError: the page shows a sentence that the texts do not have.
    """
    folder = resources.files(__package__) / "page"
    bodies = {path: (folder / name).read_text(encoding="utf-8") for path, (name, _) in _FILES.items()}
    page = _VERSION_SLOT.sub(lambda slot: _version(bodies[slot[1]]), bodies[""])
    bodies[""] = _fill(page, texts)
    return {BASE_PATH + path: WebhookResponse(bodies[path].encode(), _FILES[path][1]) for path in _FILES}


def _version(body: str) -> str:
    """Return what changes when the file does, so that browsers may keep it for ever."""
    return hashlib.sha256(body.encode()).hexdigest()[:12]


def _fill(page: str, texts: Texts) -> str:
    filled = _SLOT.sub(lambda slot: escape(texts[slot[1]][slot[2]]), page)
    ours = {
        locale: {key.partition(".")[2]: text for key, text in sentences.items() if key.startswith("webchat.")}
        for locale, sentences in texts.items()
    }
    data = json.dumps(ours, ensure_ascii=False, separators=(",", ":"))
    # Inside a script element only "<" could end it early.
    return filled.replace(_DATA_SLOT, data.replace("<", "\\u003c"))
