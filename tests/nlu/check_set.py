"""Checks the held-out messages: format, topics, duplicates, and copies of training examples."""

import re
import sys
from pathlib import Path

import yaml

from bot.content.likeness import FEWEST_WORDS, NEAR, copy_score
from bot.content.likeness import fold_sentence as fold

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("es", "en", "fr", "pt")


def read(path: Path) -> list[tuple[str, str]]:
    pairs = []
    for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
        for line in block["examples"].splitlines():
            if not line.startswith("- ") or not line[2:].strip():
                raise SystemExit(f"{path.name}: {block['intent']}: bad line {line!r}")
            pairs.append((block["intent"], line[2:].strip()))
    return pairs


def main() -> int:
    catalogue = yaml.safe_load((ROOT / "content/topics.yml").read_text(encoding="utf-8"))
    kinds = {t["id"]: t["kind"] for family in catalogue["families"].values() for t in family}
    training = []
    for path in sorted((ROOT / "intents/nlu").glob("*/*.yml")):
        training += [(fold(text), intent, text) for intent, text in read(path)]
    exact = {folded for folded, _, _ in training}
    longer = [t for t in training if len(t[0].split()) >= FEWEST_WORDS]

    problems = 0
    for language in LANGUAGES:
        pairs = read(Path(__file__).with_name(f"test_{language}.yml"))
        words = [len(text.split()) for _, text in pairs]
        topics = {intent for intent, _ in pairs}
        print(
            f"{language}: {len(pairs)} messages, {len(topics)} topics, "
            f"{sum(w >= 40 for w in words)} of 40+ words, {sum(w <= 2 for w in words)} of 1-2 words"
        )
        found = [f"missing topic {t}" for t in kinds if t not in topics]
        found += [f"unknown topic {t}" for t in topics if t not in kinds]
        seen = {}
        for intent, text in pairs:
            folded = fold(text)
            if re.search(r"\d{7,}", text):
                found.append(f"{intent}: long number: {text}")
            if folded in seen:
                found.append(f"{intent}: duplicate of {seen[folded]}: {text}")
            seen[folded] = intent
            if folded in exact and kinds.get(intent) != "system":
                found.append(f"{intent}: exact training example: {text}")
            elif len(folded.split()) >= FEWEST_WORDS:
                for other, label, original in longer:
                    score = copy_score(folded, other)
                    if score >= NEAR:
                        found.append(f"{intent}: {score:.0f} {text} <- {label}: {original}")
        for problem in found:
            print("  ", problem)
        problems += len(found)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
