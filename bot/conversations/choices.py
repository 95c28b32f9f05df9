"""Understand an answer to offered choices that was typed instead of tapped: "2", "2.", "la dos", or the title itself."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import yaml

from bot.conversations.commands import payload
from bot.conversations.turns import OfferedChoice, Turn
from bot.messages import COMMANDS, InboundKind

_NUMBER = re.compile(r"^\W*(\d{1,2})\W*$")
_TITLE_MINIMUM = 3


def fold(text: str) -> str:
    """Return the text in lower case, without accents, punctuation at the ends, or repeated spaces."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return re.sub(r"\s+", " ", plain).strip(" .,;:!?¡¿()[]\"'*-")


@lru_cache(maxsize=4)
def _ordinals(path: Path) -> dict[str, int]:
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {fold(str(word)): int(number) for words in rows.values() for number, said in words.items() for word in said}


def resolve_choice(text: str, choices: Sequence[OfferedChoice], ordinals: Path) -> OfferedChoice | None:
    """Return the choice that a typed text names, or None when it names none of them for certain.

    Args:
        choices: what was last offered, in order.
        ordinals: the file of number words, by locale.
    """
    if not choices:
        return None
    folded = fold(text)
    match = _NUMBER.match(folded)
    number = int(match[1]) if match else _ordinals(ordinals).get(folded, 0)
    if number:
        return next((choice for choice in choices if choice.position == number), None)
    if len(folded) < _TITLE_MINIMUM:
        return None
    named = [choice for choice in choices if fold(choice.title) == folded]
    return named[0] if len(named) == 1 else None


def chosen_payload(turn: Turn, ordinals: Path) -> str:
    """Return the payload of what was tapped, typed as a number or title, or sent as a channel's command; empty: none of these."""
    if turn.kind is InboundKind.START:
        return payload("greet")
    if turn.kind is InboundKind.QUICK_REPLY:
        return tapped_payload(turn)
    if turn.kind is not InboundKind.TEXT:
        return ""
    choice = resolve_choice(turn.text, turn.choices, ordinals)
    return choice.payload if choice else ""


def tapped_payload(turn: Turn) -> str:
    """Return what a tap means: our own payload or a channel's command; a token that we do not know means nothing."""
    return turn.payload or (turn.quick_reply if turn.quick_reply in COMMANDS else "")
