"""The urgent phrases as they are in `intents/urgent/`, and the reading of the files."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from statistics import median

import pytest
import yaml

from bot.conversations.phrases import PhraseError
from bot.conversations.urgent import UrgentPhrases

ROOT = Path(__file__).parents[3]
CASES = yaml.safe_load((Path(__file__).parent / "urgent_cases.yml").read_text(encoding="utf-8"))
URGENT = [(topic, text) for topic, texts in CASES["urgent"].items() for text in texts]
MOST_FALSE_ALARMS = 0.005
LEAST_RECALL = 0.6


@pytest.fixture(scope="module")
def phrases() -> UrgentPhrases:
    """Return the phrases of the project."""
    return UrgentPhrases(ROOT / "intents" / "urgent")


@pytest.fixture(scope="module")
def examples() -> list[tuple[str, str]]:
    """Return every training example with its intent."""
    found = []
    for path in sorted((ROOT / "intents" / "nlu").glob("*/*.yml")):
        for block in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["nlu"]:
            if "intent" in block:
                found += [(block["intent"], line.strip()[2:]) for line in block["examples"].splitlines() if line.strip()]
    assert len(found) > 5000
    return found


@pytest.fixture(scope="module")
def urgent_topics() -> set[str]:
    """Return the urgent topics of the catalogue."""
    catalogue = yaml.safe_load((ROOT / "content" / "topics.yml").read_text(encoding="utf-8"))
    found = {row["id"] for rows in catalogue["families"].values() for row in rows if row.get("urgent")}
    assert len(found) == 11
    return found


def write_phrases(folder: Path, text: str, locale: str = "es") -> UrgentPhrases:
    """Write one file of phrases and read it."""
    (folder / f"{locale}.yml").write_text(text, encoding="utf-8")
    return UrgentPhrases(folder)


def test_topics_are_the_urgent_ones_of_the_catalogue(phrases: UrgentPhrases, urgent_topics: set[str]) -> None:
    """Each urgent topic has phrases, and no phrase belongs to another topic."""
    assert phrases.topics == urgent_topics


@pytest.mark.parametrize(("topic", "text"), URGENT, ids=[text[:40] for _, text in URGENT])
def test_match_names_the_topic_when_a_message_tells_of_an_emergency(phrases: UrgentPhrases, topic: str, text: str) -> None:
    """An emergency in any of the four languages is recognised as its own topic."""
    found = phrases.match(text)
    assert found is not None
    assert found.topic == topic


@pytest.mark.parametrize("text", CASES["not_urgent"], ids=[text[:40] for text in CASES["not_urgent"]])
def test_match_is_none_when_nothing_is_urgent(phrases: UrgentPhrases, text: str) -> None:
    """A question, a past event, a figure of speech or small talk is no emergency."""
    assert phrases.match(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "ME QUIEREN MATAR",
        "me quieren matarrrr",
        "meee quieeeren mataaar",
        "me qieren matar",
        "mequierenmatar",
        "me quieren 😭😭 matar",
        "me quie\u200bren matar",
        "¡¡¡me quieren... matar!!!",
        "buenas noches disculpe mi nombre es Rosa, estamos cerca de la terminal y hay unos hombres que me quieren matar por favor",
    ],
    ids=["capitals", "stretched", "stretched twice", "typo", "no spaces", "emoji", "zero width", "punctuation", "long"],
)
def test_match_reads_through_spelling_when_people_write_in_fear(phrases: UrgentPhrases, text: str) -> None:
    """Capitals, repeated letters, typos, missing spaces, emoji and invisible characters do not hide an emergency."""
    found = phrases.match(text)
    assert found is not None
    assert found.topic == "emergency_danger"


@pytest.mark.parametrize("text", ["🆘", "SOS 🆘🆘", "auxilioooo", "Socorro!!"], ids=["emoji", "both", "stretched", "portuguese"])
def test_match_finds_a_bare_cry_for_help(phrases: UrgentPhrases, text: str) -> None:
    """One word or sign that can only mean danger is enough."""
    found = phrases.match(text)
    assert found is not None
    assert found.topic == "emergency_danger"


@pytest.mark.parametrize(
    ("past", "present"),
    [
        ("me secuestraron el año pasado", "me secuestraron el año pasado y ahora mismo me están siguiendo"),
        ("I was kidnapped last year, can I ask for asylum", "I was kidnapped last year and they are following me right now"),
    ],
    ids=["es", "en"],
)
def test_match_sees_the_present_when_it_stands_beside_the_past(phrases: UrgentPhrases, past: str, present: str) -> None:
    """A past event alone is silent; "right now" outweighs it."""
    assert phrases.match(past) is None
    assert phrases.match(present) is not None


def test_match_says_more_when_several_phrases_stand_in_a_message(phrases: UrgentPhrases) -> None:
    """The phrase that says most wins over a bare cry for help."""
    found = phrases.match("auxilio por favor, nos dejaron botados en el desierto")
    assert found is not None
    assert found.topic == "emergency_lost"


def test_match_tells_the_language_of_the_phrase(phrases: UrgentPhrases) -> None:
    """A contact whose language is unknown can be answered in the language of the emergency."""
    found = phrases.match("my brother was kidnapped")
    assert found is not None
    assert found.locale == "en"


@pytest.mark.parametrize("text", ["", " ", "😀" * 300, "\u200b\u202e", "a" * 20_000, "me " * 10_000, "ا" * 200], ids=range(7))
def test_match_survives_odd_input(phrases: UrgentPhrases, text: str) -> None:
    """Empty, endless, invisible and foreign texts are no emergency and no error."""
    assert phrases.match(text) is None


def test_false_alarms_stay_rare_on_all_examples(
    phrases: UrgentPhrases, examples: list[tuple[str, str]], urgent_topics: set[str]
) -> None:
    """Fewer than one in two hundred examples of the other topics is taken for an emergency; run with -s for the table."""
    seen: Counter[str] = Counter()
    hit: Counter[str] = Counter()
    right: Counter[str] = Counter()
    alarms = []
    for intent, text in examples:
        found = phrases.match(text)
        if intent in urgent_topics:
            seen[intent] += 1
            hit[intent] += found is not None
            right[intent] += found is not None and found.topic == intent
        else:
            seen["-"] += 1
            if found:
                alarms.append(f"{intent:25} {found.topic}: {found.phrase}")
    for topic in sorted(urgent_topics):
        print(
            f"{topic:25} {seen[topic]:4} examples  recall {hit[topic] / seen[topic]:.3f}  own topic {right[topic] / seen[topic]:.3f}"
        )
    print(f"false alarms {len(alarms)} of {seen['-']}", *alarms, sep="\n")
    assert len(alarms) / seen["-"] < MOST_FALSE_ALARMS
    assert sum(hit.values()) / sum(seen[topic] for topic in urgent_topics) > LEAST_RECALL


def test_match_takes_less_than_a_millisecond_for_a_short_text(phrases: UrgentPhrases, examples: list[tuple[str, str]]) -> None:
    """The check runs before every answer, so it must cost nothing: the median of short messages is under 1 ms."""
    texts = [text for _, text in examples if len(text) < 80][::10]
    assert len(texts) > 300
    spent = []
    for text in texts:
        begin = time.perf_counter()
        phrases.match(text)
        spent.append(time.perf_counter() - begin)
    assert median(spent) < 0.001


def test_phrase_notation_means_what_the_guide_says(tmp_path: Path) -> None:
    """Alternatives, missing words, lists, gaps and numbers work as the README tells editors."""
    found = write_phrases(
        tmp_path,
        """
lists: {familiar: [hijo, tía abuela]}
topics:
  missing_person:
    phrases: [mi <familiar> (ya)? no (aparece|contesta) hace 00 días, perdí ... <familiar>]
    alone: [desaparecido]
    unless: [en el juego]
""",
    )
    assert found.match("mi hijo ya no contesta hace 12 días") is not None
    assert found.match("mi tía abuela no aparece hace 3 dias") is not None
    assert found.match("perdí en la plaza a mi hijo") is not None
    assert found.match("perdí uno dos tres cuatro cinco seis hijo") is None
    assert found.match("mi hijo no aparece hace días") is None
    assert found.match("desaparecido") is not None
    assert found.match("el vuelo desaparecido de Malasia") is None
    assert found.match("perdí a mi hijo en el juego") is None


def test_unless_silences_only_what_is_near_when_a_message_is_long(tmp_path: Path) -> None:
    """In a long story a remark at its beginning does not hide an emergency at its end."""
    found = write_phrases(tmp_path, "topics: {emergency_danger: {phrases: [me quieren matar]}}\nunless: [el año pasado]\n")
    story = " ".join(["palabra"] * 30)
    assert found.match("el año pasado me quieren matar") is None
    assert found.match(f"el año pasado {story} me quieren matar") is not None


def test_real_words_are_no_typos(tmp_path: Path) -> None:
    """A word that is listed as a word of its own is not read as a slip of another one."""
    text = "topics: {suicide_crisis: {phrases: [quiero morirme ahora]}}\n"
    assert write_phrases(tmp_path, text).match("quiero morime ahora") is not None
    assert write_phrases(tmp_path, text + "real_words: [morime]\n").match("quiero morime ahora") is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("topics: [", "YAML"),
        ("locale: es", "topics"),
        ("topics: {a: {phrases: [me <nadie> ve]}}", "nadie"),
        ("topics: {a: {phrases: ['me (quieren']}}", "cannot be read"),
        ("topics: {a: {phrases: ['(me|) quieren']}}", "alternative is empty"),
        ("topics: {a: {phrases: ['(me)? (ya)?']}}", "no word must be there"),
        ("topics: {a: {frases: [hola]}}", "frases"),
        ("topics: {a: {phrases: [hola]}}\nsiempre: [x]", "siempre"),
    ],
    ids=["yaml", "no topics", "unknown list", "open bracket", "empty option", "all optional", "topic key", "file key"],
)
def test_reading_names_file_and_fault_when_a_file_is_broken(tmp_path: Path, text: str, complaint: str) -> None:
    """A broken file is refused with its path and what is wrong with it."""
    with pytest.raises(PhraseError, match=complaint) as error:
        write_phrases(tmp_path, text)
    assert "es.yml" in str(error.value)


def test_reading_refuses_an_empty_folder(tmp_path: Path) -> None:
    """A folder without phrases must not silently switch the check off."""
    with pytest.raises(PhraseError):
        UrgentPhrases(tmp_path)
