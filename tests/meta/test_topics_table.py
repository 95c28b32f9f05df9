"""The table of topics tells what is there, and is written anew when that changes."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from bot.content.loader import load_catalogue
from bot.content.table import topics_table
from bot.conversations.choices import fold
from bot.engine.examples import read_training_examples

ROOT = Path(__file__).parents[2]
TABLE = topics_table(ROOT / "content", ROOT / "intents" / "nlu")


def test_the_table_is_current() -> None:
    """Run `ruta content table --write` after a change of content or examples."""
    assert (ROOT / "docs" / "topics.md").read_text(encoding="utf-8") == TABLE


def test_every_topic_has_its_row_and_enough_examples() -> None:
    """100 in Spanish, 45 in English, 25 in French and Portuguese, twice that for urgent topics; 20,000 in all."""
    catalogue = load_catalogue(ROOT / "content")
    rows = re.findall(r"^\| \**(\w+?)\** \|.*\| (\d+) / (\d+) / (\d+) / (\d+) \|$", TABLE, re.MULTILINE)
    assert [row[0] for row in rows] == list(catalogue)
    few = []
    for name, *counts in rows:
        least = [number * (2 if catalogue[name].is_urgent else 1) for number in (100, 45, 25, 25)]
        few += [name for have, want in zip(counts, least, strict=True) if int(have) < want]
    assert few == []
    assert sum(int(count) for row in rows for count in row[1:]) >= 20_000


def test_every_answer_is_there_in_spanish_and_english() -> None:
    """No answer topic is missing, and each has its sources."""
    assert "| missing |" not in TABLE
    answers = [line for line in TABLE.splitlines() if line.startswith("|") and "| sentences |" not in line][2:]
    assert all(re.search(r"\| es en", line) for line in answers)


def test_no_example_stands_under_two_topics() -> None:
    """Accents, capitals and punctuation aside: the classifier cannot learn both."""
    topics: dict[str, set[str]] = defaultdict(set)
    for example in read_training_examples(ROOT):
        topics[fold(example.text) or example.text].add(example.intent)
    assert {text: found for text, found in topics.items() if len(found) > 1} == {}
