"""Looks at the machine: files that only we may read, and space on the disk."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from bot.findings import Finding, fault, fine, warning

FULL_BYTES = 200 * 2**20
"""Below this a database cannot be relied on to store the next message."""
LOW_BYTES = 2**30
LOW_SHARE = 0.05


def look_at_secrets(root: Path, var: Path) -> Iterator[Finding]:
    """Find files with keys that others on this machine may read."""
    held = [path for path in (root / ".env", var / "development.key") if path.exists()]
    for path in held:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            cause = f"{path.name} holds keys, and others on this machine may read or change it (mode {mode:o})"
            yield fault("secrets_readable", cause, f"chmod 600 {path}")
    if not any(stat.S_IMODE(path.stat().st_mode) & 0o077 for path in held):
        yield fine("secrets_private", "files with keys are readable by their owner alone")


def look_at_mode(mode: str, channels: tuple[str, ...]) -> Iterator[Finding]:
    """Warn of development mode where people can reach us."""
    if mode == "development" and set(channels) - {"webchat"}:
        cause = "development mode keeps its key beside the data, and a channel is enabled on which people write"
        yield warning("development_mode", cause, "Set RUTA_MODE=production and the keys that `ruta keys` prints.")


def look_at_disks(places: Mapping[str, Path]) -> Iterator[Finding]:
    """Find volumes that fill up.

    Args:
        places: folders by a short name; one that does not exist yet is looked for above.
    """
    for name, path in places.items():
        there = next(folder for folder in (path, *path.resolve().parents) if folder.exists())
        usage = shutil.disk_usage(there)
        left = f"{usage.free / 2**30:.1f} GB of {usage.total / 2**30:.0f} GB are free where {name} is"
        remedy = f"Free space on the volume of {path}, or move it to a larger one."
        if usage.free < FULL_BYTES:
            yield fault("disk_full", left, remedy)
        elif usage.free < LOW_BYTES or usage.free < usage.total * LOW_SHARE:
            yield warning("disk_low", left, remedy)
        else:
            yield fine("disk_free", left)
