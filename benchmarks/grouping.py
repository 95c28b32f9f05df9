"""Measure ways to group questions that ask the same, on invented questions in Spanish: `python -m benchmarks.grouping`.

B-cubed precision: of those beside a question, how many belong to it; recall: of those that belong to it, how many are there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import yaml
from scipy.sparse import hstack
from sklearn.cluster import DBSCAN, AgglomerativeClustering
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from bot.content.example_files import read_examples
from bot.content.likeness import fold_sentence
from bot.editor.grouping import group_questions

ROOT = Path(__file__).resolve().parents[1]
SETS = ROOT / "tests" / "unit" / "editor" / "questions"
WAYS = {"words": (1.0, 0.0), "pieces": (0.0, 1.0), "some": (0.3, 0.7), "both": (0.5, 0.5)}
THRESHOLDS = [float(far) for far in np.arange(0.40, 0.98, 0.02)]
CLUSTERS: dict[str, Callable[[float], object]] = {
    "average": lambda far: AgglomerativeClustering(
        n_clusters=None, distance_threshold=far, affinity="precomputed", linkage="average"
    ),
    "complete": lambda far: AgglomerativeClustering(
        n_clusters=None, distance_threshold=far, affinity="precomputed", linkage="complete"
    ),
    "dbscan": lambda far: DBSCAN(eps=far, min_samples=2, metric="precomputed"),
}


def read_set(name: str) -> tuple[list[str], list[int]]:
    """Return the questions and the group of each."""
    data = yaml.safe_load((SETS / f"{name}_es.yml").read_text(encoding="utf-8"))
    groups = [*data["groups"], *([one] for one in data["single"])]
    return [text for group in groups for text in group], [number for number, group in enumerate(groups) for _ in group]


def b_cubed(truth: Sequence[int], found: Sequence[int]) -> tuple[float, float]:
    """Return precision and recall."""
    same = np.equal.outer(np.array(found), np.array(found))
    true = np.equal.outer(np.array(truth), np.array(truth))
    both = (same & true).sum(1)
    return float((both / same.sum(1)).mean()), float((both / true.sum(1)).mean())


def vectors(texts: list[str], background: list[str], weights: tuple[float, float]) -> np.ndarray:
    """Return the questions as normalised vectors."""
    folded, others = [fold_sentence(text) for text in texts], [fold_sentence(text) for text in background]
    words = TfidfVectorizer(token_pattern=r"\w+", sublinear_tf=True).fit([*folded, *others])
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True).fit([*folded, *others])
    return normalize(hstack([weights[0] * words.transform(folded), weights[1] * pieces.transform(folded)]).tocsr())


def main() -> None:
    """Print the best threshold of each way on one set, and what it does on the other."""
    examples = [line.text for _, line in read_examples(ROOT / "intents", ("es",))]
    sets = [read_set("first"), read_set("second")]
    print("features background clustering | set on which the threshold was chosen: far F1 -> F1 on the other | mean on the other")
    for name, weights in WAYS.items():
        for back, background in (("none", []), ("examples", examples)):
            made = [_distances(vectors(texts, background, weights)) for texts, _ in sets]
            for kind, make in CLUSTERS.items():
                curves = [
                    {far: b_cubed(truth, _alone(make(far).fit_predict(rows))) for far in THRESHOLDS}
                    for rows, (_, truth) in zip(made, sets, strict=True)
                ]
                best = [max(curve, key=lambda far, curve=curve: f1(*curve[far])) for curve in curves]
                on_other = [f1(*curves[1 - number][best[number]]) for number in (0, 1)]
                shown = "; ".join(
                    f"{far:.2f} {f1(*curves[number][far]):.3f} -> {on_other[number]:.3f}" for number, far in enumerate(best)
                )
                print(f"{name:8} {back:10} {kind:10} | {shown} | {sum(on_other) / 2:.3f}")
    for name, (texts, truth) in zip(("first", "second"), sets, strict=True):
        start = time.perf_counter()
        precision, recall = b_cubed(truth, group_questions(texts, examples))
        took = time.perf_counter() - start
        print(f"in use, {name}: P {precision:.3f} R {recall:.3f} F1 {f1(precision, recall):.3f}, {took:.1f} s")


def f1(precision: float, recall: float) -> float:
    """Return the harmonic mean."""
    return 2 * precision * recall / (precision + recall)


def _distances(rows: object) -> np.ndarray:
    return np.clip(1.0 - (rows @ rows.T).toarray(), 0.0, None)


def _alone(labels: np.ndarray) -> list[int]:
    """Give each question without a group one of its own."""
    return [int(label) if label >= 0 else 10_000 + number for number, label in enumerate(labels)]


if __name__ == "__main__":
    main()
