"""The features that classifier and language identification count."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.preprocessing import normalize


class QuickTfidf(TfidfVectorizer):
    """The vectorizer without a check that sums over all features at each call, which was a third of the time of one ranking."""

    def transform(self, raw_documents: Iterable[str]) -> csr_matrix:
        """Return the same as the parent does with sublinear counts and lengths of one."""
        if not hasattr(self, "_weights_of_terms"):
            self._weights_of_terms = self.idf_.astype(np.float32)
        counted = CountVectorizer.transform(self, raw_documents)
        np.log(counted.data, counted.data)
        counted.data += 1.0
        counted.data *= self._weights_of_terms[counted.indices]
        return normalize(counted, copy=False)
