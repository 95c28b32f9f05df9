"""What the components have in common that only read a vocabulary: they are made from its path and learn nothing."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, Dict, Text

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from typing_extensions import Self

_PROJECT = Path(__file__).resolve().parents[3]


class VocabularyComponent(GraphComponent):
    """A component whose setting `vocabulary` is a path below the project's folder, or an absolute one."""

    @classmethod
    @abstractmethod
    def read(cls, vocabulary: Path, settings: Dict[Text, Any]) -> Self:
        """Return the component with what the vocabulary holds."""

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> GraphComponent:
        """Read the vocabulary; loading a model does the same.

        Raises:
            RutaError: the vocabulary cannot be read.
        """
        settings = {**cls.get_default_config(), **config}
        return cls.read(_PROJECT / settings["vocabulary"], settings)
