"""Tell in which of our languages a message is written.

A linear model on character n-grams of our own examples, whose locale the importer notes. Why not a general library:
docs/decisions/0004-language-identification.md.
"""

from __future__ import annotations

import logging
import random
import unicodedata
from typing import Any, Dict, List, Text

import joblib
import numpy as np
from numpy.typing import NDArray
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from bot.engine.components.features import QuickTfidf

logger = logging.getLogger(__name__)

_FILE = "language.joblib"
_PIECE_WORDS = 4
ROUNDS = 40
"""Rounds of the solver; it says that it has not settled by then, which is meant."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class LanguageIdentifier(GraphComponent):
    """Sets `language` of each message: locale and confidence."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """Return the defaults; `regularisation` is the model's C, `random_seed` draws the short pieces it also learns."""
        return {"regularisation": 10.0, "random_seed": 7}

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
        rows = [(str(example.get(TEXT)), locale_of(example)) for example in training_data.intent_examples]
        rows = [(text, locale) for text, locale in rows if locale]
        if len({locale for _, locale in rows}) > 1:
            self._model = language_model(self._config["regularisation"], self._config["random_seed"])
            rows = with_pieces(rows, self._config["random_seed"])
            self._model.fit([text for text, _ in rows], [locale for _, locale in rows])
            with self._model_storage.write_to(self._resource) as folder:
                joblib.dump(self._model, folder / _FILE, compress=1)
        else:
            logger.warning("language_untrained code=fewer_than_two_locales")
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Leave the examples as they are."""
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        """Set the language of each message that has a text."""
        for message in messages:
            text = str(message.get(TEXT) or "")
            if text and self._model is not None:
                locale, confidence = identify(self._model, text)
                message.set("language", {"locale": locale, "confidence": confidence}, add_to_output=True)
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
        try:
            with model_storage.read_from(resource) as folder:
                component._model = joblib.load(folder / _FILE)
        except (ValueError, FileNotFoundError):
            # The engine raises ValueError for a component that stored nothing: it was trained on one locale only.
            logger.warning("language_untrained code=none_in_the_model")
        return component


def locale_of(example: Message) -> str:
    """Return the locale that the importer noted for an example, or the empty string."""
    metadata = example.get("metadata")
    return str(metadata.get("locale", "")) if isinstance(metadata, dict) else ""


def language_model(regularisation: float, seed: int = 7) -> Pipeline:
    """Return the untrained model. The classes weigh the same: with their frequencies Portuguese lost four points."""
    grams = QuickTfidf(analyzer="char_wb", ngram_range=(1, 4), lowercase=True, sublinear_tf=True, min_df=3, dtype=np.float32)
    # saga stopped after 40 rounds is as accurate as one that has settled, in a sixth of the time.
    classes = LogisticRegression(
        C=regularisation, max_iter=ROUNDS, solver="saga", tol=1e-2, class_weight="balanced", random_state=seed
    )
    return Pipeline([("grams", grams), ("classes", classes)])


def with_pieces(rows: list[tuple[str, str]], seed: int) -> list[tuple[str, str]]:
    """Add to each example its spelling without accents and one piece of a few words: that is how many people write.

    Args:
        rows: text and locale.
    """
    draw = random.Random(seed)
    plain = [(bare, locale) for text, locale in rows if (bare := without_accents(text)) != text]
    pieces = []
    for text, locale in [*rows, *plain]:
        words = text.split()
        size = draw.randint(1, _PIECE_WORDS)
        if len(words) > size:
            start = draw.randint(0, len(words) - size)
            pieces.append((" ".join(words[start : start + size]), locale))
    return [*rows, *plain, *pieces]


def without_accents(text: str) -> str:
    """Return a text with its letters bare: "señor" is "senor"."""
    return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))


def identify(model: Pipeline, text: str) -> tuple[str, float]:
    """Return the likeliest locale of a text and its probability; a text without any letter proves nothing: 0.0."""
    classes = model.named_steps["classes"]
    if len(classes.classes_) > 2:
        # The same as `predict_proba` for several classes, without its checks of the input: half the time.
        columns, values = model.named_steps["grams"].weigh(text)
        scores: NDArray[np.float64] = classes.coef_[:, columns] @ values + classes.intercept_
        chances = softmax(scores)
    else:
        chances = model.predict_proba([text])[0]
    best = int(np.argmax(chances))
    has_letters = any(char.isalpha() for char in text)
    return str(classes.classes_[best]), float(chances[best]) if has_letters else 0.0
