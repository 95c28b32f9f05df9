"""Group questions that ask the same, by their words and letters alone; nothing leaves this machine.

Runs as a program of its own, `python -m bot.editor.grouping`, so that the libraries it needs, some 90 MB, are not in the
editor. It reads one JSON object from standard input, the questions of each language by id, and writes the groups of ids.
How it was chosen: `docs/decisions/0012-unanswered-questions.md`, `benchmarks/grouping.py`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from bot.content.likeness import fold_sentence

FARTHEST = 0.87
"""The mean cosine distance up to which two groups are one."""
MOST_COMPARED = 2000
"""Different questions of a language that are compared each with each, 32 MB; older ones join the group that is most like them."""


def group_questions(texts: Sequence[str], background: Sequence[str] = ()) -> list[int]:
    """Return for each question the number of its group.

    Args:
        background: other sentences of the language; from them it is known which words are common.
    """
    folded = [fold_sentence(text) or text for text in texts]
    different = list(dict.fromkeys(folded))
    if len(different) < 2:
        return [0] * len(texts)
    labels = dict(zip(different, _labels(different, [fold_sentence(text) for text in background]), strict=True))
    return [labels[text] for text in folded]


def _labels(texts: list[str], background: list[str]) -> list[int]:
    import numpy as np
    from sklearn.cluster import AgglomerativeClustering

    vectors = _vectors(texts, background)
    first = vectors[:MOST_COMPARED]
    distances = np.clip(1.0 - (first @ first.T).toarray(), 0.0, None)
    model = AgglomerativeClustering(n_clusters=None, distance_threshold=FARTHEST, affinity="precomputed", linkage="average")
    labels = [int(label) for label in model.fit_predict(distances)]
    for row in vectors[MOST_COMPARED:]:
        alike = (first @ row.T).toarray().ravel()
        best = int(alike.argmax())
        labels.append(labels[best] if alike[best] >= 1.0 - FARTHEST / 2 else max(labels) + 1)
    return labels


def _vectors(texts: list[str], background: list[str]) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)  # Pieces forgive typing errors.
    return pieces.fit([*texts, *background]).transform(texts)


def main() -> None:
    """Group what comes on standard input."""
    asked: dict[str, dict[str, list[Any]]] = json.load(sys.stdin)
    groups: list[list[int]] = []
    for rows in asked.values():
        found: dict[int, list[int]] = {}
        labels = group_questions([text for _, text in rows["questions"]], rows["background"])
        for (number, _), label in zip(rows["questions"], labels, strict=True):
            found.setdefault(label, []).append(number)
        groups += found.values()
    json.dump(groups, sys.stdout)


if __name__ == "__main__":
    main()
