"""Load a module only when something in it is used.

The engine imports `rasa.utils.train_utils` with every policy. It brings TensorFlow, which takes 260 MiB and half of the start,
and none of our components uses it; one that does, such as DIET, still gets it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


class DeferredModule(ModuleType):
    """A module whose code runs when the first of its names is asked for."""

    def __getattr__(self, name: str) -> Any:
        """Run the module's code, and return the name."""
        if name.startswith("__"):  # What the import system asks of every module.
            raise AttributeError(name)
        spec = PathFinder.find_spec(self.__name__, sys.modules[self.__name__.rpartition(".")[0]].__path__)
        assert spec is not None and spec.loader is not None
        self.__class__ = ModuleType  # type: ignore[assignment]
        spec.loader.exec_module(self)
        return getattr(self, name)


class _Deferring(MetaPathFinder, Loader):
    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname == self._name else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return DeferredModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leave the code for later."""


def defer(name: str) -> None:
    """Defer a module of a package, unless it has been imported already."""
    if name not in sys.modules:
        sys.meta_path.insert(0, _Deferring(name))
