"""The table of topics for `docs/topics.md`: for each topic what is there in each language, how fresh, and how many examples."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import yaml

from bot.content.loader import LoadedContent, load_content
from bot.content.model import CatalogueTopic, Kind, Topic
from bot.i18n import LOCALES

_HEAD = """# Topics

Written by `ruta content table --write`. **State**: the languages in which the answer is complete; in others Spanish is shown with
a notice. **Countries**: with answers of their own. **Sources**: pages of the general answer. **Review by**: after that day
readers are told, and critical answers are withheld. **Examples**: in es / en / fr / pt. Flows and system topics have their
sentences in `locales/`.

| topic | family | state | countries | sources | checked | review by | examples |
|---|---|---|---|---|---|---|---|
"""


def topics_table(content: Path, nlu: Path) -> str:
    """Return the page as text.

    Args:
        nlu: the folder of the examples.

    Raises:
        ContentError: the content folder cannot be read.
    """
    loaded = load_content(content)
    examples = _count_examples(nlu)
    rows = [_row(topic, loaded, examples) for topic in loaded.catalogue.values()]
    totals = " / ".join(str(sum(count for (_, at), count in examples.items() if at == locale)) for locale in LOCALES)
    return _HEAD + "".join(rows) + f"\n{len(rows)} topics, {sum(examples.values())} examples ({totals}).\n"


def _row(topic: CatalogueTopic, loaded: LoadedContent, examples: Counter[tuple[str, str]]) -> str:
    counts = " / ".join(str(examples[topic.id, locale]) for locale in LOCALES)
    cells = _answer_cells(loaded.topics.get(topic.id)) if topic.kind is Kind.ANSWER else ["sentences", "", "", "", ""]
    name = f"**{topic.id}**" if topic.is_urgent else topic.id
    return f"| {' | '.join([name, topic.family, *cells, counts])} |\n"


def _answer_cells(topic: Topic | None) -> list[str]:
    if topic is None:
        return ["missing", "", "", "", ""]
    languages = [locale for locale in LOCALES if ("", locale) in topic.answers]
    countries = sorted({destination for destination, _ in topic.answers if destination})
    checked, review = topic.provenance.reviewed_on, topic.provenance.review_by
    state = " ".join(languages) + (" (critical)" if topic.sensitivity == "critical" else "")
    return [state, " ".join(countries), str(len(topic.provenance.sources)), checked.isoformat(), review.isoformat()]


def _count_examples(nlu: Path) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for locale in LOCALES:
        for path in sorted((nlu / locale).glob("*.yml")):
            for block in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["nlu"]:
                counts[block["intent"], locale] += sum(line.startswith("- ") for line in block["examples"].splitlines())
    return counts
