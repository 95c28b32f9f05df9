"""Tell in which of our languages a message is written.

A linear model on character n-grams of our own examples, whose locale the importer notes. Why not a general library:
docs/decisions/0004-language-identification.md.
"""

from __future__ import annotations

from typing import Any, Dict, List, Text

import joblib
import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class LanguageIdentifier(GraphComponent):
    """Sets `language` of each message: locale and confidence."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """Return the defaults; `regularisation` is the model's C."""
        return {"regularisation": 10.0}

    def __init__(self, config: Dict[Text, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._model: Pipeline | None = None

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> LanguageIdentifier:
        """Make an untrained component."""
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        """Fit the model on the examples that carry a locale."""
        rows = [(str(example.get(TEXT)), locale_of(example)) for example in training_data.intent_examples if locale_of(example)]
        if len({locale for _, locale in rows}) > 1:
            self._model = language_model(self._config["regularisation"])
            self._model.fit([text for text, _ in rows], [locale for _, locale in rows])
            with self._model_storage.write_to(self._resource) as folder:
                joblib.dump(self._model, folder / "language.joblib")
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Leave the examples as they are."""
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        """Set the language of each message that has a text."""
        for message in messages:
            text = str(message.get(TEXT) or "")
            if text and self._model is not None:
                chances = self._model.predict_proba([text])[0]
                best = int(np.argmax(chances))
                found = {"locale": str(self._model.classes_[best]), "confidence": float(chances[best])}
                message.set("language", found, add_to_output=True)
        return messages

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> LanguageIdentifier:
        """Load a trained component."""
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            component._model = joblib.load(folder / "language.joblib")
        return component


def locale_of(example: Message) -> str:
    """Return the locale that the importer noted for an example, or the empty string."""
    metadata = example.get("metadata")
    return str(metadata.get("locale", "")) if isinstance(metadata, dict) else ""


def language_model(regularisation: float) -> Pipeline:
    """Return the untrained model."""
    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), lowercase=True, sublinear_tf=True, min_df=2, dtype=np.float32)
    return Pipeline([("grams", grams), ("classes", LogisticRegression(C=regularisation, max_iter=200))])
