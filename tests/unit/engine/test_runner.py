"""The order in which the graph runs."""

from __future__ import annotations

import pytest

from bot.engine.runner import InOrderRunner
from tests.support.engine import EngineConversation, shared_engine

pytestmark = pytest.mark.engine


async def test_every_node_runs_behind_what_it_needs() -> None:
    """Also when only a part of the graph is asked for, as for a message that skips the policies."""
    await EngineConversation("es").says("hola")
    processor = shared_engine()._agent.processor
    assert processor is not None
    runner = processor.graph_runner
    assert isinstance(runner, InOrderRunner)
    assert len(runner._orders) >= 2, "understanding and prediction are asked for apart"
    for targets, order in runner._orders.items():
        names = [name for name, _ in order]
        assert set(targets) <= set(names)
        assert len(set(names)) == len(names)
        for position, (name, needs) in enumerate(order):
            inside = [need for need in needs if need in runner._graph_schema.nodes]
            assert all(need in names[:position] for need in inside), name
