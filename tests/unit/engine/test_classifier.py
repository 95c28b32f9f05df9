"""The classifier on a handful of examples: what it learns, how sure it says it is, and that a stored one is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.feature_extraction.text import TfidfVectorizer

from bot.engine.components.classifier import CalibratedSvmClassifier, _temperatures, fit_temperature
from bot.engine.components.features import QuickTfidf

EXAMPLES = {
    "passport": ["como saco el pasaporte", "renovar pasaporte", "pasaporte ecuatoriano", "donde hago el pasaporte"],
    "id_card": ["como saco la cedula", "renovar cedula", "perdi mi cedula", "donde hago la cedula"],
    "visit_visa": ["visa de turista", "necesito visa para viajar", "cuanto vale la visa", "sacar la visa"],
}
CONTEXT = ExecutionContext(GraphSchema({}))
RESOURCE = Resource("classifier")


def _data(examples: dict[str, list[str]] = EXAMPLES) -> TrainingData:
    rows = [Message(data={"text": text, "intent": intent}) for intent, texts in examples.items() for text in texts]
    return TrainingData(rows)


@pytest.fixture
def storage(tmp_path: Path) -> LocalModelStorage:
    """Return an empty model storage."""
    return LocalModelStorage.create(tmp_path)


def _make(storage: LocalModelStorage, **changes: Any) -> CalibratedSvmClassifier:
    config = {**CalibratedSvmClassifier.get_default_config(), "folds": 2, **changes}
    return CalibratedSvmClassifier.create(config, storage, RESOURCE, CONTEXT)


@pytest.fixture
def trained(storage: LocalModelStorage) -> CalibratedSvmClassifier:
    """Return a trained classifier."""
    classifier = _make(storage)
    classifier.train(_data())
    return classifier


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        pytest.param("quiero renovar mi pasaporte", "passport", id="other words"),
        pytest.param("PASAPÓRTE!!", "passport", id="capitals and accents"),
        pytest.param("cedla", "id_card", id="a misspelling"),
        pytest.param("visa", "visit_visa", id="one word"),
    ],
)
def test_a_message_gets_its_intent(trained: CalibratedSvmClassifier, text: str, intent: str) -> None:
    """What people write is folded, and pieces of words are enough."""
    (message,) = trained.process([Message(data={"text": text})])
    assert message.get("intent")["name"] == intent


def test_a_ranking_is_a_distribution_in_falling_order(trained: CalibratedSvmClassifier) -> None:
    """The probabilities of all intents sum to one, the likeliest first."""
    chances = [row["confidence"] for row in trained.rank("pasaporte")]
    assert sum(chances) == pytest.approx(1.0, abs=1e-5)
    assert chances == sorted(chances, reverse=True)
    assert len(chances) == len(EXAMPLES)


def test_only_the_head_of_the_ranking_is_shown(storage: LocalModelStorage) -> None:
    """The message carries as many rows as are set; the decision still sees all."""
    classifier = _make(storage, ranking=2)
    classifier.train(_data())
    (message,) = classifier.process([Message(data={"text": "pasaporte"})])
    assert len(message.get("intent_ranking")) == 2
    assert set(message.get("all_confidences")) == set(EXAMPLES)


@pytest.mark.parametrize("text", ["", None])
def test_an_empty_message_has_no_intent(trained: CalibratedSvmClassifier, text: str | None) -> None:
    """Nothing typed is nothing guessed."""
    (message,) = trained.process([Message(data={"text": text})])
    assert message.get("intent") == {"name": None, "confidence": 0.0}
    assert message.get("intent_ranking") == []


@pytest.mark.parametrize(
    "text",
    ["😀" * 300, "\u202eayuda\u200b", "a" * 20_000, "0", "??"],
    ids=["emojis", "marks of direction", "very long", "digit", "punctuation"],
)
def test_odd_messages_are_ranked_all_the_same(trained: CalibratedSvmClassifier, text: str) -> None:
    """No text makes the classifier fail or invent a number that is none."""
    assert all(np.isfinite(row["confidence"]) for row in trained.rank(text))


def test_a_stored_classifier_is_the_same_one(trained: CalibratedSvmClassifier, storage: LocalModelStorage) -> None:
    """What is loaded from the model ranks as what was trained."""
    config = CalibratedSvmClassifier.get_default_config()
    loaded = CalibratedSvmClassifier.load(config, storage, RESOURCE, CONTEXT)
    for text in ("renovar pasaporte", "visa", "otra cosa"):
        assert loaded.rank(text) == trained.rank(text)


def test_training_twice_gives_the_same_model(storage: LocalModelStorage) -> None:
    """The same examples give the same probabilities, so that a difference is the data's."""
    first, second = _make(storage), _make(storage)
    first.train(_data())
    second.train(_data())
    assert first.rank("renovar la cedula") == second.rank("renovar la cedula")


def test_the_quick_features_are_the_usual_ones() -> None:
    """What was left out is a check, not a step: every weight is the library's."""
    texts = [text for texts in EXAMPLES.values() for text in texts]
    settings = {"analyzer": "char_wb", "ngram_range": (2, 4), "sublinear_tf": True, "dtype": np.float32}
    quick, usual = QuickTfidf(**settings).fit(texts), TfidfVectorizer(**settings).fit(texts)
    for asked in ([*texts, "pasaporte pasaporte y visa"], ["zzz"], [""]):
        difference = quick.transform(asked) - usual.transform(asked)
        assert abs(difference).max() < 1e-6
        for text, row in zip(asked, usual.transform(asked).toarray(), strict=True):
            columns, values = quick.weigh(text)
            alone = np.zeros_like(row)
            alone[columns] = values
            assert abs(alone - row).max() < 1e-6


def test_one_intent_is_not_enough_to_train(storage: LocalModelStorage) -> None:
    """With nothing to tell apart the component stays silent instead of failing."""
    classifier = _make(storage)
    classifier.train(_data({"passport": EXAMPLES["passport"]}))
    (message,) = classifier.process([Message(data={"text": "pasaporte"})])
    assert message.get("intent_ranking") == []


def test_each_language_with_enough_examples_has_its_own_temperature() -> None:
    """A language in which the scores are right more often is surer; one with few examples takes the common temperature."""
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 450)
    scores = np.eye(3)[truth] + rng.normal(0, 0.1, (450, 3))
    locales = np.array(["es"] * 200 + ["en"] * 200 + ["fr"] * 50)
    scores[200:400] = scores[200:400][rng.permutation(200)]
    found = _temperatures(scores, truth, locales)
    assert set(found) == {"", "es", "en"}
    assert found["es"] < found[""] < found["en"]


def test_the_temperature_follows_how_often_the_scores_are_right() -> None:
    """Scores that are always right become surer than scores that are right three times in four."""
    truth = np.array([0, 1, 0, 1])
    right = np.array([[0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [-0.5, 0.5]])
    sometimes = right.copy()
    sometimes[3] = [0.5, -0.5]
    assert fit_temperature(right, truth) < 0.1
    # Right in 3 of 4 with a distance of 1: log(3) = 1 / temperature.
    assert fit_temperature(sometimes, truth) == pytest.approx(1 / np.log(3), abs=0.02)
