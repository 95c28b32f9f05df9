"""The sentences: complete, alike in their placeholders, short enough, and extracted."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from bot.i18n import LOCALES, Catalogues
from bot.locale_checks import check_catalogues, extracted_keys

ROOT = Path(__file__).parents[2]


def test_catalogues_have_no_fault() -> None:
    """Every key has a reviewed sentence in every language, with the same placeholders, and fits where it is shown."""
    assert len(extracted_keys(ROOT)) > 80
    assert [problem.message for problem in check_catalogues(ROOT)] == []


def test_the_template_is_current() -> None:
    """`make locales` was run after the last new key."""
    with (ROOT / "locales" / "messages.pot").open("rb") as file:
        template = {str(message.id) for message in read_po(file) if message.id}
    assert template == set(extracted_keys(ROOT))


@pytest.mark.parametrize("locale", LOCALES)
def test_a_key_that_does_not_exist_is_an_error(locale: str) -> None:
    """A slip in a key never shows the key to a contact."""
    with pytest.raises(KeyError):
        Catalogues(ROOT / "locales").text(locale, "reply.does_not_exist")
