"""The features that classifier and language identification count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.preprocessing import normalize


class QuickTfidf(TfidfVectorizer):
    """The vectorizer with sublinear counts and lengths of one, quicker: on one text the parent is busy with checks."""

    def __getstate__(self) -> dict[str, object]:
        """Return what is kept in a model: not the analyzer, which is a function of this process."""
        return {name: value for name, value in super().__getstate__().items() if name not in ("_one_text", "_weights_of_terms")}

    def transform(self, raw_documents: Iterable[str]) -> csr_matrix:
        """Return the same as the parent does."""
        counted = CountVectorizer.transform(self, raw_documents)
        np.log(counted.data, counted.data)
        counted.data += 1.0
        counted.data *= self._term_weights()[counted.indices]
        return normalize(counted, copy=False)

    def weigh(self, text: str) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return the columns of one text and their values: its row in what `transform` returns, in another order."""
        if not hasattr(self, "_one_text"):
            self._one_text: Callable[[str], Iterable[str]] = self.build_analyzer()
        known = self.vocabulary_
        counts = Counter(known[term] for term in self._one_text(text) if term in known)
        columns = np.fromiter(counts.keys(), np.intp, len(counts))
        values = np.fromiter(counts.values(), np.float32, len(counts))
        values = (np.log(values) + 1.0) * self._term_weights()[columns]
        return columns, values / (np.sqrt(values @ values) or 1.0)

    def _term_weights(self) -> NDArray[np.float32]:
        if not hasattr(self, "_weights_of_terms"):
            self._weights_of_terms: NDArray[np.float32] = self.idf_.astype(np.float32)
        return self._weights_of_terms
