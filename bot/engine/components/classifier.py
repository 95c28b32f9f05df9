"""Classify a message into one of the catalogue's intents, with probabilities that can be trusted.

A linear support vector machine on word and character n-grams of the folded text and on the concepts of the vocabulary. Its
scores become probabilities by one temperature for each language, fitted on examples that the fitting model did not see. Why
this and not DIET: docs/decisions/0003-classifier.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Dict, List, Type

import joblib
import numpy as np
from numpy.typing import NDArray
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from scipy.special import log_softmax, softmax
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import FeatureUnion
from sklearn.svm import LinearSVC

from bot.conversations.choices import fold
from bot.conversations.concepts import read_concepts
from bot.conversations.words import read_common_words
from bot.engine.components.features import QuickTfidf
from bot.engine.components.language import locale_of

CONCEPT_WEIGHT = 0.1
"""How much the concepts count beside the n-grams: more made Spanish worse (docs/performance.md)."""
LEAST_FOR_TEMPERATURE = 100
"""A language with fewer unseen examples takes the temperature of all of them."""

_VOCABULARY = Path(__file__).resolve().parents[3] / "intents" / "vocabulary"

FloatArray = NDArray[np.float32]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class CalibratedSvmClassifier(GraphComponent, IntentClassifier):
    """A linear SVM on n-grams with a fitted temperature."""

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        """Return the defaults: `regularisation` is the SVM's C, one of `folds` sets the temperature, `ranking` is kept."""
        return {"regularisation": 0.5, "folds": 5, "ranking": 10, "random_seed": 7}

    def __init__(self, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._features: FeatureUnion | None = None
        self._weights: NDArray[np.float16] | None = None
        self._bias: FloatArray | None = None
        self._labels: list[str] = []
        self._temperatures: dict[str, float] = {"": 1.0}

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> CalibratedSvmClassifier:
        """Make an untrained component."""
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        """Fit on the examples, and keep the result."""
        examples = training_data.intent_examples
        labels = [str(example.get(INTENT)) for example in examples]
        if len(set(labels)) >= 2:
            self.fit([str(example.get(TEXT)) for example in examples], labels, [locale_of(example) for example in examples])
            self._persist()
        return self._resource

    def fit(self, texts: Sequence[str], labels: Sequence[str], locales: Sequence[str]) -> None:
        """Fit features, weights and temperatures.

        Args:
            labels: the intent of each text, two or more different ones; each needs as many texts as there are folds.
            locales: the language of each text; empty where it is not known.
        """
        # The n-grams are counted once for both fits: their weights leak nothing of the labels, and it halves the training.
        self._features = _features()
        counted = self._features.fit_transform(texts)
        self._labels = sorted(set(labels))
        truth = np.searchsorted(self._labels, labels)
        folds = StratifiedKFold(self._config["folds"], shuffle=True, random_state=self._config["random_seed"])
        known, unseen = next(folds.split(truth, truth))
        partial = self._svm().fit(counted[known], truth[known])
        self._temperatures = _temperatures(_scores(partial, counted[unseen]), truth[unseen], np.asarray(locales)[unseen])
        whole = self._svm().fit(counted, truth)
        # Half the digits are enough to rank by: half the memory, and half the time to pack the model.
        self._weights = np.ascontiguousarray(_coefficients(whole).T, dtype=np.float16)
        self._bias = _intercepts(whole).astype(np.float32)

    def process(self, messages: List[Message]) -> List[Message]:
        """Set intent and ranking of each message."""
        for message in messages:
            text = str(message.get(TEXT) or "")
            locale = str((message.get("language") or {}).get("locale", ""))
            ranking = self.rank(text, locale) if text and self._weights is not None else []
            message.set("intent", ranking[0] if ranking else {"name": None, "confidence": 0.0}, add_to_output=True)
            message.set("intent_ranking", ranking[: self._config["ranking"]], add_to_output=True)
            message.set("all_confidences", {row["name"]: row["confidence"] for row in ranking})
        return messages

    def rank(self, text: str, locale: str = "") -> list[dict[str, Any]]:
        """Return all intents with their probabilities, the likeliest first.

        Args:
            locale: the language of the text, if it is known.
        """
        assert self._features is not None and self._weights is not None and self._bias is not None
        scores = self._bias.copy()
        first = 0  # The parts one by one: putting them into one matrix takes longer than the sum.
        for name, part in self._features.transformer_list:
            columns, values = part.weigh(text)
            weight = (self._features.transformer_weights or {}).get(name, 1.0)
            scores += weight * (values @ self._weights[first + columns].astype(np.float32))
            first += len(part.vocabulary_)
        chances = softmax(scores / self._temperatures.get(locale, self._temperatures[""]))
        return [{"name": self._labels[i], "confidence": float(chances[i])} for i in np.argsort(-chances)]

    def _svm(self) -> LinearSVC:
        return LinearSVC(C=self._config["regularisation"], random_state=self._config["random_seed"])

    def _persist(self) -> None:
        with self._model_storage.write_to(self._resource) as folder:
            parts = (self._features, self._weights, self._bias, self._labels, self._temperatures)
            joblib.dump(parts, folder / "classifier.joblib", compress=1)  # The archive is packed again, slowly.

    @classmethod
    def load(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> CalibratedSvmClassifier:
        """Load a trained component."""
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            parts = joblib.load(folder / "classifier.joblib")
        component._features, component._weights, component._bias, component._labels, component._temperatures = parts
        return component

    @classmethod
    def required_components(cls) -> List[Type[Any]]:
        """Return what must stand before this component: nothing, it makes its own features."""
        return []


def _coefficients(svm: LinearSVC) -> NDArray[np.float64]:
    """Return one row of weights for each intent; scikit-learn keeps a single one for two classes."""
    return np.vstack([-svm.coef_, svm.coef_]) if len(svm.classes_) == 2 else svm.coef_


def _intercepts(svm: LinearSVC) -> NDArray[np.float64]:
    return np.concatenate([-svm.intercept_, svm.intercept_]) if len(svm.classes_) == 2 else svm.intercept_


def _scores(svm: LinearSVC, counted: csr_matrix) -> NDArray[np.float64]:
    return np.asarray(counted @ _coefficients(svm).T) + _intercepts(svm)


def _temperatures(scores: NDArray[np.float64], truth: NDArray[np.int64], locales: NDArray[np.str_]) -> dict[str, float]:
    """Return the temperature of each language, and that of all under the empty string."""
    found = {"": fit_temperature(scores, truth)}
    for locale in sorted(set(locales.tolist()) - {""}):
        of_locale = locales == locale
        if of_locale.sum() >= LEAST_FOR_TEMPERATURE:
            found[locale] = fit_temperature(scores[of_locale], truth[of_locale])
    return found


def fit_temperature(scores: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """Return the temperature by which scores become probabilities with the least log loss."""

    def loss(temperature: float) -> float:
        chances = log_softmax(scores / temperature, axis=1)
        return float(-chances[np.arange(len(truth)), truth].mean())

    return float(minimize_scalar(loss, bounds=(0.02, 2.0), method="bounded").x)


def _features() -> FeatureUnion:
    words = QuickTfidf(preprocessor=fold, ngram_range=(1, 2), token_pattern=r"\w+", sublinear_tf=True, dtype=np.float32)
    characters = QuickTfidf(
        preprocessor=fold, analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=4, dtype=np.float32
    )
    lists = read_concepts(_VOCABULARY / "concepts.yml", read_common_words(_VOCABULARY / "common-words.txt"))
    concepts = QuickTfidf(analyzer=lists.find, sublinear_tf=True, dtype=np.float32)
    parts = [("words", words), ("characters", characters), ("concepts", concepts)]
    return FeatureUnion(parts, transformer_weights={"concepts": CONCEPT_WEIGHT})
