"""When something was, in any notation and language, as a stretch of days since then."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversations.dialogues.days import DayWords, days_since, is_numeric

WORDS = DayWords.read(Path(__file__).resolve().parents[3] / "intents" / "vocabulary" / "date-words.yml")
TODAY = date(2026, 11, 26)  # A Thursday.


@pytest.mark.parametrize(
    ("text", "span"),
    [("hoy", (0, 0)), ("Ayer!", (1, 1)), ("anteayer", (2, 2)), ("llegué ayer en la noche", (1, 1)), ("hace 3 días", (3, 3)),
     ("hace tres dias", (3, 3)), ("unas dos semanas", (14, 20)), ("hace un mes", (30, 59)), ("medio año", (182, 182)),
     ("hace año y medio", (548, 548)), ("dos años y medio", (912, 912)), ("la semana pasada", (4, 10)), ("el mes pasado", (26, 56)),
     ("el año pasado", (330, 694)), ("este año", (0, 329)), ("el martes", (0, 6)), ("el martes pasado", (0, 6)),
     ("20/11/2026", (6, 6)), ("20-11-26", (6, 6)), ("20.11.2026", (6, 6)), ("20 11 2026", (6, 6)), ("2026-11-20", (6, 6)),
     ("3 de marzo de 2025", (633, 633)), ("el 20 de noviembre", (6, 6)), ("20 nov", (6, 6)), ("30 de noviembre", (361, 361)),
     ("nov 2025", (361, 390)), ("en enero", (299, 329)), ("diciembre", (330, 360)), ("en 2019", (2522, 2886)), ("03/2025", (605, 635)),
     ("yesterday", (1, 1)), ("two weeks ago", (14, 20)), ("a couple of months ago", (60, 89)), ("half a year", (182, 182)), ("a week ago", (7, 13)),
     ("March 3rd, 2025", (633, 633)), ("last month", (26, 56)), ("hier", (1, 1)), ("il y a 2 ans", (730, 1094)), ("avant-hier", (2, 2)),
     ("le mois dernier", (26, 56)), ("août 2025", (452, 482)), ("há três meses", (90, 119)), ("ontem", (1, 1)), ("mês passado", (26, 56)),
     ("na segunda-feira", (0, 6))],
)  # fmt: skip
def test_a_time_is_read(text: str, span: tuple[int, int]) -> None:
    """The least and the most days that it can mean."""
    assert days_since(text, TODAY, WORDS) == span


@pytest.mark.parametrize(
    "text",
    ["", "31/02/2026", "2026-13-01", "12/2030", "mañana", "1", "77", "quito", "hace mucho", "me deportaron ayer con mi hijo de 3 años",
     "20/11/2027", "hace cero días", "mayo y junio", "no", "0000", "99999999999999999999", "hace 99999999999 años y"],
)  # fmt: skip
def test_what_is_no_time_past_is_not_read(text: str) -> None:
    """Days that cannot be, days to come, and words that say anything else."""
    assert days_since(text, TODAY, WORDS) is None


@given(st.text(max_size=80))
def test_no_text_breaks_it(text: str) -> None:
    """Whatever is typed, the span begins today or before."""
    span = days_since(text, TODAY, WORDS)
    assert span is None or 0 <= span[0] <= span[1]


@given(st.dates(date(1990, 1, 1), TODAY))
def test_every_notation_of_a_day_is_the_same_day(day: date) -> None:
    """Numbers in three orders, with and without a leading nought."""
    notations = [f"{day:%d/%m/%Y}", f"{day.day}-{day.month}-{day.year}", f"{day:%Y-%m-%d}", f"{day:%d.%m.%Y}"]
    assert {days_since(text, TODAY, WORDS) for text in notations} == {((TODAY - day).days,) * 2}
    assert all(map(is_numeric, notations))
