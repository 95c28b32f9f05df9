"""What a cell can carry: texts that a spreadsheet would run as formulas are marked, and the mark is taken off on the way in."""

from __future__ import annotations

import re

FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"
"""First characters that make a spreadsheet run a text, see https://owasp.org/www-community/attacks/CSV_Injection ."""
CELL_LIMIT = 32_767
"""Characters that Excel keeps in a cell."""

_MARK = "'"
_MARKED_STARTS = FORMULA_STARTS + _MARK
_NOT_CARRIED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|x005F_")
"""What XML forbids, and an escape of Excel's that its readers take out."""


def guarded(text: str) -> str:
    """Return the text with an apostrophe before it when a spreadsheet could run it."""
    return _MARK + text if text[:1] and text[0] in _MARKED_STARTS else text


def unguarded(text: str) -> str:
    """Return the text without the apostrophe that `guarded` put before it."""
    return text[1:] if text.startswith(_MARK) and text[1:2] and text[1] in _MARKED_STARTS else text


def carried(text: str) -> str:
    """Return what is left of a text when it comes back from a file: without control characters, with our line ends."""
    before, text = "", text.replace("\r\n", "\n").replace("\r", "\n")
    while before != text:
        before, text = text, _NOT_CARRIED.sub("", text)
    return text
