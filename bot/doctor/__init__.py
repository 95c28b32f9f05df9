"""`ruta doctor`: look at everything an operator can mend, and say in plain words what is wrong and what to do.

Each look is a function that returns findings; one that fails is a finding of its own and does not end the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bot.errors import RutaError
from bot.findings import Finding, fault

Look = Callable[[], Iterable[Finding]]


def examine(looks: Sequence[tuple[str, Look]]) -> list[Finding]:
    """Return what all looks found, in order.

    Args:
        looks: each with a short name, for the finding that it failed.
    """
    return [finding for name, look in looks for finding in _safely(name, look)]


def _safely(name: str, look: Look) -> list[Finding]:
    try:
        return list(look())
    except RutaError as error:
        return [fault(error.code, str(error), "Do what the cause says, then run `ruta doctor` again.")]
    except Exception as error:  # Whatever is broken, the operator must see the rest.
        cause = f"looking at {name} failed with {type(error).__name__}"
        return [fault(f"{name}_not_examined", cause, "Mend the other errors first; if this one stays, report it with its code.")]
