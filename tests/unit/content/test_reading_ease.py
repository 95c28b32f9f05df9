from __future__ import annotations

import pytest

from bot.content.checks.reading_ease import count_syllables, reading_ease

SYLLABLES = {
    1: "que quien ley muy y yo hoy ir seis",
    2: "usted día país oír agua oa río pagar viaje guía guerra búho leer enviar ciudad aunque deuda oigo trae raíz ahí huida",
    3: "ayuda ahora familia miércoles empleo teatro cédula Ecuador pingüino aldea coyote chulquero gratuito",
    4: "aéreo policía consulado emergencia abogado vehículo continúa lingüística",
    5: "zoológico autorización",
}


@pytest.mark.parametrize(("word", "count"), [(word, count) for count, words in SYLLABLES.items() for word in words.split()])
def test_count_syllables_follows_spanish_spelling_when_vowels_meet(word: str, count: int) -> None:
    """Diphthongs join, hiatus parts, and silent letters are not heard."""
    assert count_syllables(word) == count


def test_reading_ease_follows_the_formula_when_the_text_is_counted_by_hand() -> None:
    """ "Llame ya al 911. Diga dónde está." has 6 words of 10 syllables in 2 sentences; figures are no words."""
    assert reading_ease("Llame ya al 911. Diga dónde está.") == pytest.approx(206.835 - 62.3 * 10 / 6 - 6 / 2)


def test_reading_ease_takes_list_items_as_sentences_when_they_have_no_stop() -> None:
    """A list of short items reads as easily as short sentences."""
    assert reading_ease("- la casa\n- el carro") == pytest.approx(206.835 - 62.3 * 6 / 4 - 4 / 2)


@pytest.mark.parametrize(
    ("longer", "plain"),
    [
        pytest.param("Vaya a https://www.visas.example.org/es ya.", "Vaya a ya.", id="web address"),
        pytest.param("Viva en EE. UU. hoy.", "Viva en EE UU hoy.", id="abbreviation"),
        pytest.param("Vaya **ya**.", "Vaya ya.", id="marks"),
    ],
)
def test_reading_ease_passes_over_what_is_not_read_when_it_counts(longer: str, plain: str) -> None:
    """Addresses, full stops of abbreviations and marks change nothing."""
    assert reading_ease(longer) == reading_ease(plain)


def test_reading_ease_is_none_when_there_are_no_words() -> None:
    """A bare number has no ease."""
    assert reading_ease("911") is None


def test_reading_ease_tells_plain_from_official_spanish_when_compared() -> None:
    """A plain text lies above the limit of 60, the language of offices below it."""
    plain = reading_ease("Llame ya. Diga dónde está. No pague a nadie.")
    official = reading_ease(
        "La obtención de autorizaciones administrativas extraordinarias requiere documentación complementaria."
    )

    assert plain is not None and official is not None
    assert plain > 60 > official
