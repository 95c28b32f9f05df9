"""The engine's components for language and destination, as the engine calls them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.conversations.destinations import VocabularyError
from bot.engine.components.destinations import DestinationExtractor
from bot.engine.components.language import LanguageIdentifier, with_pieces

EXAMPLES = {
    "es": [
        "quiero saber qué visa necesito",
        "dónde queda el consulado",
        "ok gracias",
        "cuánto cuesta el pasaporte",
        "necesito ayuda",
    ],
    "en": ["which visa do i need", "where is the consulate", "ok thanks", "how much is the passport", "i need some help"],
    "fr": [
        "de quel visa ai-je besoin",
        "où est le consulat",
        "d'accord merci",
        "combien coûte le passeport",
        "j'ai besoin d'aide",
    ],
    "pt": [
        "de que visto eu preciso",
        "onde fica o consulado",
        "tá bom obrigado",
        "quanto custa o passaporte",
        "preciso de ajuda",
    ],
}


class Engine:
    """Makes, trains and loads components on a model storage in a folder."""

    def __init__(self, folder: Path) -> None:
        self._storage = LocalModelStorage.create(folder)
        self._context = ExecutionContext(GraphSchema({}))

    def made(self, component: Any, is_loaded: bool = False, **config: Any) -> Any:
        """Return a component, made anew or loaded."""
        build = component.load if is_loaded else component.create
        return build({**component.get_default_config(), **config}, self._storage, Resource("part"), self._context)


@pytest.fixture()
def engine(tmp_path: Path) -> Engine:
    """Return an engine without a model."""
    return Engine(tmp_path)


def examples(locales: tuple[str, ...], key: str = "metadata") -> TrainingData:
    """Return training examples that carry their locale as the importer notes it."""
    return TrainingData(
        [Message({"text": text, "intent": "greet", key: {"locale": locale}}) for locale in locales for text in EXAMPLES[locale]]
    )


def identified(component: LanguageIdentifier, text: str) -> Any:
    """Return what a component says of a text."""
    (message,) = component.process([Message({"text": text})])
    return message.get("language")


@pytest.mark.parametrize(
    ("text", "locale"),
    [
        ("dónde está el consulado", "es"),
        ("where is my passport", "en"),
        ("où est mon passeport", "fr"),
        ("onde fica o passaporte", "pt"),
    ],
    ids=["es", "en", "fr", "pt"],
)
def test_language_is_identified_after_the_model_was_stored_and_loaded(engine: Engine, text: str, locale: str) -> None:
    """A loaded model says the language of a message with a probability, in what the engine hands on."""
    engine.made(LanguageIdentifier).train(examples(("es", "en", "fr", "pt")))
    (message,) = engine.made(LanguageIdentifier, is_loaded=True).process([Message({"text": text})])
    assert message.get("language")["locale"] == locale
    assert 0.25 < message.get("language")["confidence"] <= 1.0
    assert "language" in message.as_dict(only_output_properties=True)


def test_language_probabilities_are_those_of_the_model_when_there_are_two_locales(engine: Engine) -> None:
    """Two locales go another way through the library than four; both give probabilities."""
    component = engine.made(LanguageIdentifier)
    component.train(examples(("es", "en")))
    assert identified(component, "where is the consulate")["locale"] == "en"
    assert 0.5 <= identified(component, "where is the consulate")["confidence"] <= 1.0


@pytest.mark.parametrize("text", ["🙏🙏", "12", "?!", "👏 2"], ids=["emoji", "number", "marks", "mixed"])
def test_language_has_no_confidence_when_a_text_has_no_letters(engine: Engine, text: str) -> None:
    """What is written in no language proves none."""
    component = engine.made(LanguageIdentifier)
    component.train(examples(("es", "en", "fr", "pt")))
    assert identified(component, text)["confidence"] == 0.0


@pytest.mark.parametrize(
    "data",
    [examples(("es",)), examples(("es", "en"), key="other"), TrainingData([])],
    ids=["one locale", "no metadata", "no examples"],
)
def test_language_stays_silent_when_nothing_could_be_learnt(engine: Engine, data: TrainingData) -> None:
    """Training, storing and loading without two locales is no error; messages then carry no language."""
    engine.made(LanguageIdentifier).train(data)
    component = engine.made(LanguageIdentifier, is_loaded=True)
    assert identified(component, "hola") is None
    assert component.process_training_data(data) is data


def test_language_leaves_messages_without_text_alone(engine: Engine) -> None:
    """A chosen button has no text and therefore no language."""
    component = engine.made(LanguageIdentifier)
    component.train(examples(("es", "en")))
    (message,) = component.process([Message({"text": ""})])
    assert message.get("language") is None


def test_pieces_are_the_same_each_time_and_add_bare_spelling() -> None:
    """Two trainings on the same examples learn the same, among it words without accents."""
    rows = [("¿dónde está el consulado de España?", "es"), ("hi", "en")]
    assert with_pieces(rows, seed=1) == with_pieces(rows, seed=1)
    assert ("¿donde esta el consulado de Espana?", "es") in with_pieces(rows, seed=1)


def test_destination_is_added_to_the_entities_that_were_there(engine: Engine) -> None:
    """Entities of other extractors stay; ours has the engine's usual shape."""
    message = Message({"text": "y para Canadá?", "entities": [{"entity": "city", "value": "x"}]})
    engine.made(DestinationExtractor).process([message])
    assert message.get("entities") == [
        {"entity": "city", "value": "x"},
        {
            "entity": "destination",
            "value": "ca",
            "start": 7,
            "end": 13,
            "confidence": 1.0,
            "extractor": "DestinationExtractor",
        },
    ]
    assert "entities" in message.as_dict(only_output_properties=True)


def test_destination_that_is_meant_comes_last_when_several_are_named(engine: Engine) -> None:
    """The engine fills a text slot with the last entity, so the country that the contact goes to stands there."""
    (message,) = engine.made(DestinationExtractor).process(
        [Message({"text": "quiero ir a España, estoy en Chile con visa de Perú"})]
    )
    assert [entity["value"] for entity in message.get("entities")] == ["cl", "pe", "es"]


def test_destination_list_is_empty_when_no_country_is_named(engine: Engine) -> None:
    """A message without a country, or without text, gets no entity and no error."""
    found = engine.made(DestinationExtractor).process([Message({"text": "hola"}), Message({})])
    assert [message.get("entities") for message in found] == [[], []]


def test_destination_reads_the_vocabulary_that_the_configuration_names(engine: Engine, tmp_path: Path) -> None:
    """An operator can point the component to another file; a missing one stops the start."""
    path = tmp_path / "other.yml"
    path.write_text("countries: {jp: {names: [Japón]}}", encoding="utf-8")
    (message,) = engine.made(DestinationExtractor, vocabulary=str(path)).process([Message({"text": "a Japón"})])
    assert [entity["value"] for entity in message.get("entities")] == ["jp"]
    with pytest.raises(VocabularyError):
        engine.made(DestinationExtractor, vocabulary=str(tmp_path / "none.yml"))
