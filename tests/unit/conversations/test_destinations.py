"""The countries that messages name, with the vocabulary as it is in `intents/vocabulary/`."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import pytest
import yaml

from bot.conversations.destinations import Destinations, VocabularyError

ROOT = Path(__file__).parents[3]
VOCABULARY = ROOT / "intents" / "vocabulary" / "destinations.yml"
TRANSIT = {"ec", "pa", "gt", "hn", "sv", "ni", "cr", "ve", "bo", "uy", "py", "fr", "pt"}


@pytest.fixture(scope="module")
def destinations() -> Destinations:
    """Return the vocabulary of the project."""
    return Destinations(VOCABULARY)


def test_vocabulary_holds_every_country_of_the_catalogue(destinations: Destinations) -> None:
    """Each destination that the content knows can be named, and so can the countries on the way."""
    catalogue = yaml.safe_load((ROOT / "content" / "topics.yml").read_text(encoding="utf-8"))
    assert catalogue["destinations"]
    assert destinations.values >= set(catalogue["destinations"]) | TRANSIT


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("q visa necesito pa mexico", "mx"),
        ("quiero ir a la yoni", "us"),
        ("me voy pa los unites", "us"),
        ("gringolandia", "us"),
        ("a los yunais", "us"),
        ("me quieren cobrar 15 mil por llevarme a los estados", "us"),
        ("EE.UU.", "us"),
        ("EEUU", "us"),
        ("visa U.S.A.", "us"),
        ("and the US?", "us"),
        ("visa americana", "us"),
        ("vivo en Nueva York", "us"),
        ("la madre patria", "es"),
        ("trabajo en Madrid", "es"),
        ("my aunt lives in Toronto", "ca"),
        ("et pour l'Italie ?", "it"),
        ("états-unis", "us"),
        ("e pro Canadá", "ca"),
        ("no Brasil", "br"),
        ("en Allemagne", "de"),
        ("Reino Unido", "gb"),
        ("londres", "gb"),
        ("pasaporte español", "es"),
        ("cruzar El Salvador", "sv"),
        ("costa rica", "cr"),
        ("🇨🇱", "cl"),
        ("peru", "pe"),
        ("chile", "cl"),
        ("canada", "ca"),
        ("usa", "us"),
        ("y a USA?", "us"),
        ("volví de la USA", "us"),
        ("cuánto cuesta vivir en lima", "pe"),
    ],
    ids=lambda part: part[:30],
)
def test_find_names_the_country(destinations: Destinations, text: str, value: str) -> None:
    """Names, slang, abbreviations, people, cities and flags in four languages are understood."""
    assert [found.value for found in destinations.find(text)] == [value]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("colmbia", "co"),
        ("alemnia", "de"),
        ("canda", "ca"),
        ("itlia", "it"),
        ("españaa", "es"),
        ("estados unido", "us"),
        ("nueva yor", "us"),
        ("argentna", "ar"),
        ("guatemla", "gt"),
    ],
    ids=lambda part: part,
)
def test_find_forgives_a_typo(destinations: Destinations, text: str, value: str) -> None:
    """A slip in a long name is forgiven, and the confidence says that it was one."""
    (found,) = destinations.find(text)
    assert found.value == value
    assert 0.88 <= found.confidence < 1.0


@pytest.mark.parametrize(
    "text",
    [
        "se usa",
        "cómo se usa la app",
        "quién usa esto",
        "no la usa nadie",
        "bajando por la cañada",
        "help us please",
        "tell us more",
        "en español por favor",
        "do you speak french",
        "parlez-vous français",
        "estado civil",
        "los unidos",
        "no me lo quito",
        "barcelona campeón",
        "jugo de lima",
        "sin plata",
        "from the state",
        "soy colombiano",
        "los venezolanos",
        "eu sou de longe",
        "casa, cosa, chula, pero, mejor",
        "colonia",
        "",
        "😀" * 50,
    ],
    ids=range(24),
)
def test_find_is_empty_when_a_word_only_looks_like_a_country(destinations: Destinations, text: str) -> None:
    """Verbs, pronouns, languages, football clubs and origins are no destinations."""
    assert destinations.find(text) == []


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("estoy en Chile y quiero ir a España", ["es", "cl"]),
        ("de Perú a Chile", ["cl", "pe"]),
        ("me deportaron de Estados Unidos y quiero ir a Canadá", ["ca", "us"]),
        ("I'm in Mexico and want to go to the US", ["us", "mx"]),
        ("je suis en France et je veux aller vers le Canada", ["ca", "fr"]),
        ("moro no Brasil e quero ir para Portugal", ["pt", "br"]),
        ("perú o colombia", ["pe", "co"]),
        ("México, Guatemala y Panamá", ["mx", "gt", "pa"]),
        ("de Ecuador a México por Panamá", ["mx", "ec", "pa"]),
        ("visa americana para entrar a México", ["mx", "us"]),
        ("USA, estados unidos, gringolandia", ["us"]),
    ],
    ids=lambda part: part[:30] if isinstance(part, str) else "",
)
def test_find_puts_first_where_the_contact_wants_to_go(destinations: Destinations, text: str, values: list[str]) -> None:
    """Of several countries the one after "a", "para", "to", "vers" comes first, the others as they stand; each once."""
    assert [found.value for found in destinations.find(text)] == values


def test_find_tells_where_the_name_stands(destinations: Destinations) -> None:
    """Start and end mark the name in the text as it was written, accents and emoji included."""
    text = "👋🏽 ¿y para los Estados Unidos?"
    (found,) = destinations.find(text)
    assert text[found.start : found.end] == "Estados Unidos"
    assert found.confidence == 1.0


def test_find_takes_less_than_a_millisecond(destinations: Destinations) -> None:
    """The search costs nothing beside the classifier, also for words it has never seen."""
    spent = []
    for number in range(300):
        begin = time.perf_counter()
        destinations.find(f"hola quisiera zanber{number} como blirme a eskania{number} con mi familia")
        spent.append(time.perf_counter() - begin)
    assert median(spent) < 0.001


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("countries: [", "YAML"), ("paises: {}", "countries"), ("countries: {us: {names: [USA]}}\nalso: []", "also")],
    ids=["yaml", "no countries", "unknown key"],
)
def test_reading_names_file_and_fault_when_the_vocabulary_is_broken(tmp_path: Path, text: str, complaint: str) -> None:
    """A broken vocabulary is refused with its path and what is wrong with it."""
    path = tmp_path / "destinations.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(VocabularyError, match=complaint) as error:
        Destinations(path)
    assert str(path) in str(error.value)
