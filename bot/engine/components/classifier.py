"""Classify a message into one of the catalogue's intents, with probabilities that can be trusted.

A linear support vector machine on word and character n-grams of the folded text. Its scores become probabilities by one
temperature, fitted on predictions for examples that the model did not see. Why this and not DIET:
docs/decisions/0003-classifier.md.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from scipy.special import log_softmax, softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import FeatureUnion
from sklearn.svm import LinearSVC

from bot.conversations.choices import fold

FloatArray = NDArray[np.float32]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class CalibratedSvmClassifier(GraphComponent, IntentClassifier):
    """A linear SVM on n-grams with a fitted temperature."""

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        """Return the defaults: `regularisation` is the SVM's C, `folds` serve the calibration, `ranking` is what is kept."""
        return {"regularisation": 0.5, "folds": 3, "ranking": 10, "random_seed": 7}

    def __init__(self, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._features: FeatureUnion | None = None
        self._weights: FloatArray | None = None
        self._bias: FloatArray | None = None
        self._labels: list[str] = []
        self._temperature = 1.0

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
        texts = [str(example.get(TEXT)) for example in training_data.intent_examples]
        labels = [str(example.get(INTENT)) for example in training_data.intent_examples]
        if len(set(labels)) >= 2:
            self.fit(texts, labels)
            self._persist()
        return self._resource

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> None:
        """Fit features, weights and temperature.

        Args:
            labels: the intent of each text, two or more different ones; each needs as many texts as there are folds.
        """
        # The n-grams are counted once for all folds: their weights leak nothing of the labels, and it halves the training.
        self._features = _features()
        counted = self._features.fit_transform(texts)
        folds = StratifiedKFold(self._config["folds"], shuffle=True, random_state=self._config["random_seed"])
        unseen = cross_val_predict(self._svm(), counted, labels, cv=folds, method="decision_function", n_jobs=2)
        self._labels = sorted(set(labels))
        self._temperature = fit_temperature(unseen, np.searchsorted(self._labels, labels))
        svm = self._svm().fit(counted, labels)
        self._weights = np.ascontiguousarray(svm.coef_.T, dtype=np.float32)
        self._bias = svm.intercept_.astype(np.float32)

    def process(self, messages: List[Message]) -> List[Message]:
        """Set intent and ranking of each message."""
        for message in messages:
            text = str(message.get(TEXT) or "")
            ranking = self.rank(text) if text and self._weights is not None else []
            message.set("intent", ranking[0] if ranking else {"name": None, "confidence": 0.0}, add_to_output=True)
            message.set("intent_ranking", ranking[: self._config["ranking"]], add_to_output=True)
            message.set("all_confidences", {row["name"]: row["confidence"] for row in ranking})
        return messages

    def rank(self, text: str) -> list[dict[str, Any]]:
        """Return all intents with their probabilities, the likeliest first."""
        assert self._features is not None and self._weights is not None and self._bias is not None
        scores = np.asarray(self._features.transform([text]) @ self._weights)[0] + self._bias
        chances = softmax(scores / self._temperature)
        return [{"name": self._labels[i], "confidence": float(chances[i])} for i in np.argsort(-chances)]

    def _svm(self) -> LinearSVC:
        return LinearSVC(C=self._config["regularisation"], random_state=self._config["random_seed"])

    def _persist(self) -> None:
        with self._model_storage.write_to(self._resource) as folder:
            parts = (self._features, self._weights, self._bias, self._labels, self._temperature)
            joblib.dump(parts, folder / "classifier.joblib")

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
        component._features, component._weights, component._bias, component._labels, component._temperature = parts
        return component

    @classmethod
    def required_components(cls) -> List[Type[Any]]:
        """Return what must stand before this component: nothing, it makes its own features."""
        return []


def fit_temperature(scores: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """Return the temperature by which scores become probabilities with the least log loss."""

    def loss(temperature: float) -> float:
        chances = log_softmax(scores / temperature, axis=1)
        return float(-chances[np.arange(len(truth)), truth].mean())

    return float(minimize_scalar(loss, bounds=(0.02, 2.0), method="bounded").x)


def _features() -> FeatureUnion:
    words = TfidfVectorizer(preprocessor=fold, ngram_range=(1, 2), token_pattern=r"\w+", sublinear_tf=True, dtype=np.float32)
    characters = TfidfVectorizer(
        preprocessor=fold, analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2, dtype=np.float32
    )
    return FeatureUnion([("words", words), ("characters", characters)])
