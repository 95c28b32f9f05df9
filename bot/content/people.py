"""When people of staff answer in the chat, and how long that takes: the `staff` block of `content/people.yml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.content.opening import read_spans


@dataclass(frozen=True)
class StaffTimes:
    """When people of staff answer.

    Attributes:
        opening: spans for each day, as `bot.content.opening` reads them, in Ecuador's time.
        wait: how long it takes until they answer, in words, by locale.
    """

    opening: Mapping[str, Any]
    wait: Mapping[str, str]

    def wait_in(self, locale: str) -> str:
        """Return the words in a language, or in Spanish."""
        return str(self.wait.get(locale) or self.wait["es"])


def read_staff_times(path: Path) -> StaffTimes | None:
    """Return what the file says of staff; None when nobody answers, or the block is not as it must be: `ruta check` tells."""
    try:
        staff = yaml.safe_load(path.read_text(encoding="utf-8")).get("staff")
        times = StaffTimes(staff["opening"], staff["wait"])
        are_tidy = all(read_spans(" ".join(spans)) == spans for spans in times.opening.values() if spans)
        return times if are_tidy and any(times.opening.values()) and times.wait["es"] else None
    except (OSError, AttributeError, KeyError, TypeError, ValueError, yaml.YAMLError):
        return None
