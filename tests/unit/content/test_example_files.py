"""Files of examples are changed line by line: everything that is not meant keeps its bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.content.example_files import (
    NotThere,
    add_example,
    fault_of,
    is_as_written,
    read_lines,
    remove_example,
    replace_example,
    tidy_example,
)

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / "intents" / "nlu").glob("*/*.yml"))
BY_HAND = """version: "3.1"

nlu:
# What people say of dogs.
- intent: pets
  examples: |
    - perro
    # not a sentence
    - gato: sí

- intent: greet  # kept
  examples: |
     - hola

"""


def loaded(raw: str) -> dict[str, list[str]]:
    """Return the sentences by topic as YAML reads them."""
    blocks = yaml.safe_load(raw)["nlu"]
    return {block["intent"]: [line[2:] for line in block["examples"].splitlines() if line[:2] == "- "] for block in blocks}


def test_there_are_files() -> None:
    """The walk below looks at all languages and families."""
    assert len(FILES) >= 32


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_real_files_are_read_as_the_engine_reads_them_and_come_back_unchanged(path: Path) -> None:
    """Reading agrees with YAML; each topic's sentence taken away and put back gives the same bytes, and so does a changed one."""
    raw = path.read_bytes().decode("utf-8")
    lines = list(read_lines(raw))
    by_topic: dict[str, list[str]] = {}
    for line in lines:
        by_topic.setdefault(line.topic, []).append(line.text)
    assert by_topic == loaded(raw)
    for topic, texts in by_topic.items():
        for text in (texts[0], texts[len(texts) // 2], texts[-1]):
            without, place = remove_example(raw, topic, text)
            assert raw.count("\n") - without.count("\n") == 1
            assert add_example(without, topic, text, place) == raw
            assert replace_example(replace_example(raw, topic, text, "otra cosa"), topic, "otra cosa", text) == raw
    topic = lines[-1].topic
    added = add_example(raw, topic, "una frase nueva: con «signos» # y más")
    assert loaded(added)[topic] == [*by_topic[topic], "una frase nueva: con «signos» # y más"]
    assert set(added.splitlines()) - set(raw.splitlines()) == {"    - una frase nueva: con «signos» # y más"}


def test_comments_and_layout_of_people_stay() -> None:
    """What somebody wrote by hand is not formatted anew."""
    made = add_example(replace_example(BY_HAND, "pets", "perro", "un perro"), "pets", "loro")
    assert made == BY_HAND.replace("- perro", "- un perro").replace("- gato: sí", "- gato: sí\n    - loro")
    assert "# What people say of dogs.\n" in remove_example(BY_HAND, "pets", "perro")[0]


def test_first_sentence_of_a_topic_makes_its_block_and_the_last_takes_it_along() -> None:
    """An empty block would stop the training; a new file gets its head."""
    made = add_example("", "pets", "perro")
    assert loaded(made) == {"pets": ["perro"]}
    both = add_example(made, "greet", "hola")
    assert loaded(both) == {"pets": ["perro"], "greet": ["hola"]}
    assert remove_example(both, "greet", "hola")[0] == made
    assert loaded(remove_example(both, "pets", "perro")[0]) == {"greet": ["hola"]}


def test_a_sentence_that_is_gone_is_said() -> None:
    """Somebody else was quicker: nothing is guessed."""
    with pytest.raises(NotThere):
        remove_example(BY_HAND, "greet", "perro")
    with pytest.raises(NotThere):
        replace_example(BY_HAND, "pets", "loro", "x")


@pytest.mark.parametrize(
    ("typed", "tidy", "fault"),
    [
        ("  - cómo   saco\tla visa ", "cómo saco la visa", ""),
        ("\n", "", "empty"),
        ("👍🏽", "👍🏽", ""),
        ("a" * 401, "a" * 401, "too_long"),
        ("mi número es [teléfono]", "mi número es [teléfono]", "markup"),
        ("quiero ir a {lugar}", "quiero ir a {lugar}", "markup"),
        ("una\x1bdos", "una\x1bdos", "markup"),
        ("- intent: greet", "intent: greet", ""),
    ],
)
def test_what_can_be_an_example(typed: str, tidy: str, fault: str) -> None:
    """Sentences stand on one line and hold nothing that the engine would read as a mark."""
    assert tidy_example(typed) == tidy
    assert fault_of(tidy) == fault


def test_a_typed_heading_stays_a_sentence() -> None:
    """What a person types can not become a block of its own."""
    made = add_example(BY_HAND, "pets", "intent: greet")
    assert loaded(made)["pets"][-1] == "intent: greet"
    assert [line.text for line in read_lines(made) if line.topic == "pets"][-1] == "intent: greet"


@pytest.mark.parametrize(
    "broken", ["nlu:\n- intent: a\n  examples: |\n - x\n", "nlu:\n- intent: a\n  examples: >\n    - x\n    - y\n"]
)
def test_a_file_that_reads_differently_is_noticed(broken: str) -> None:
    """Where lines and YAML disagree, a change of one line could mean something else."""
    assert is_as_written(BY_HAND)
    assert not is_as_written(broken)
