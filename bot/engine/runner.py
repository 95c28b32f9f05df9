"""Load a model into an agent that runs its graph in plain order; the engine's own runner plans each run anew with Dask.

Planning was a tenth of a turn. The nodes, their inputs and their results are the engine's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import rasa.engine.loader
from rasa.core.agent import Agent
from rasa.core.processor import MessageProcessor
from rasa.engine.graph import GraphSchema
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.engine.runner.interface import GraphRunner
from rasa.engine.storage.local_model_storage import MODEL_ARCHIVE_METADATA_FILE, LocalModelStorage
from rasa.engine.storage.storage import ModelMetadata
from rasa.utils.common import TempDirectoryPath, get_temp_dir_name


class InOrderRunner(DaskGraphRunner):
    """Runs the nodes that the targets need, one after the other, in an order found once for each set of targets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._orders: dict[tuple[str, ...], list[tuple[str, tuple[str, ...]]]] = {}

    def run(self, inputs: dict[str, Any] | None = None, targets: list[str] | None = None) -> dict[str, Any]:
        """Return the targets' results; see the parent class."""
        wanted = tuple(targets or self._graph_schema.target_names)
        given = inputs or {}
        order = self._orders.get(wanted)
        if order is None:
            order = self._orders[wanted] = order_nodes(self._graph_schema.minimal_graph_schema(list(wanted)), wanted, given)
        results: dict[str, tuple[str, Any]] = {name: (name, value) for name, value in given.items()}
        for name, needs in order:
            results[name] = self._instantiated_nodes[name](*[results[need] for need in needs])
        return {name: results[name][1] for name in wanted}


def order_nodes(schema: GraphSchema, targets: tuple[str, ...], given: dict[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    """Return the nodes below the targets with what each needs, so that a node stands behind all it needs."""
    order: list[tuple[str, tuple[str, ...]]] = []
    seen = set(given)

    def add(name: str) -> None:
        if name in seen:
            return
        seen.add(name)
        needs = tuple(schema.nodes[name].needs.values())
        for need in needs:
            add(need)
        order.append((name, needs))

    for target in targets:
        add(target)
    return order


class _PredictionStorage(LocalModelStorage):
    """A model without the graph that trained it, whose components would load TensorFlow and what draws the reports of tests."""

    @staticmethod
    def _load_metadata(directory: Path) -> ModelMetadata:
        metadata = json.loads((directory / MODEL_ARCHIVE_METADATA_FILE).read_text(encoding="utf-8"))
        return ModelMetadata.from_dict({**metadata, "train_schema": {"nodes": {}}})


class _Processor(MessageProcessor):
    @staticmethod
    def _load_model(model_path: str | Path) -> tuple[str, ModelMetadata, GraphRunner]:
        with TempDirectoryPath(get_temp_dir_name()) as folder:
            metadata, runner = rasa.engine.loader.load_predict_graph_runner(
                Path(folder), Path(model_path), _PredictionStorage, InOrderRunner
            )
        return Path(model_path).name, metadata, runner


class InProcessAgent(Agent):
    """An agent whose model runs in this process, in plain order."""

    def load_model(self, model_path: str | Path, fingerprint: str | None = None) -> None:
        """Load a model from its file."""
        self.processor = _Processor(
            model_path=model_path,
            tracker_store=self.tracker_store,
            lock_store=self.lock_store,
            generator=self.nlg,
            action_endpoint=self.action_endpoint,
        )
        self.domain = self.tracker_store.domain = self.processor.domain
