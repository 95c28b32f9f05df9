"""Documentation and wiring are tested like code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.settings import Settings, setting_names
from bot.wiring import CHANNELS, settings_class

ROOT = Path(__file__).parents[2]
KINDS = [Settings, *(settings_class(name) for name in CHANNELS)]
NAMES = {name for kind in KINDS for name in setting_names(kind)}


@pytest.mark.parametrize("file", ["README.md", ".env.example"])
def test_every_setting_is_documented_and_nothing_else(file: str) -> None:
    """The settings in the table and in the template are exactly those that exist."""
    assert len(NAMES) > 10
    text = (ROOT / file).read_text(encoding="utf-8")
    pattern = r"^\| `(RUTA_\w+)`" if file == "README.md" else r"^# (RUTA_\w+)="
    assert set(re.findall(pattern, text, re.MULTILINE)) == NAMES


def test_nothing_secret_has_a_default() -> None:
    """A secret is either required or empty until it is set."""
    secrets = [field for kind in KINDS for field in kind.__fields__.values() if field.type_ is SecretStr]
    assert len(secrets) >= 4
    assert all(field.required or field.default.get_secret_value() == "" for field in secrets)


@pytest.mark.parametrize("folder", ["bot", "channels", "content", "intents", "locales", "tests", "benchmarks", "docs"])
def test_every_top_level_folder_has_a_guide(folder: str) -> None:
    """Each folder says who edits it and what checks it."""
    assert len((ROOT / folder / "README.md").read_text(encoding="utf-8")) > 100


@pytest.mark.parametrize("name", sorted(CHANNELS))
def test_every_channel_has_a_guide_and_cited_limits(name: str) -> None:
    """A channel's limits name the provider's page; a limit without a link is a guess."""
    assert (ROOT / "channels" / name / "README.md").exists()
    if name != "webchat":
        assert "https://" in (ROOT / "channels" / name / "limits.py").read_text(encoding="utf-8")


def test_no_registry_address_is_committed() -> None:
    """The locked files carry hashes and no index address."""
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "--hash=sha256" in text
        assert "://" not in text
