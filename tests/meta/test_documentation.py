"""Documentation and wiring are tested like code."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from pydantic import BaseSettings, SecretStr

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


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_defaults_and_meanings_are_those_of_the_code(kind: type[BaseSettings]) -> None:
    """The table and the template tell the default and the meaning that the settings class has."""
    readme, template = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", ".env.example"))
    for name, entry in zip(setting_names(kind), kind.__fields__.values(), strict=True):
        default = "" if entry.type_ is SecretStr or entry.default is None else str(entry.default)
        shown = "required with the channel" if entry.required else f"`{default}`" if default else ""
        assert f"| `{name}` | {shown} | {entry.field_info.description} |" in readme
        assert f"# {entry.field_info.description}\n# {name}={default}\n" in template


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


def test_no_folder_is_left_without_a_guide() -> None:
    """A new top-level folder needs a guide too, whatever it is called."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    folders = {name.split("/")[0] for name in listed if "/" in name and not name.startswith(".")}
    assert folders >= {"bot", "channels", "content", "docs"}
    assert {folder for folder in folders if not (ROOT / folder / "README.md").exists()} == set()


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    """What staff will notice is written down before the release, under a heading of its own."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased = text.split("## Unreleased\n")[1].split("\n## ")[0]
    assert re.search(r"^### (Security|Removed|Deprecated|Added|Changed|Fixed)$", unreleased, re.MULTILINE)


@pytest.mark.parametrize(
    "file", ["README.md", "CONTRIBUTING.md", *(f"{name}/README.md" for name in ("bot", "content", "intents"))]
)
def test_a_guide_names_only_what_exists(file: str) -> None:
    """A path in backquotes leads to a file or folder; patterns and what is made on the way are left out."""
    made = ("models", "var", ".env", ".venv", ".tools")
    for name in re.findall(
        r"`((?:bot|channels|content|intents|locales|tests|docs|benchmarks)/[\w./-]*)`", (ROOT / file).read_text(encoding="utf-8")
    ):
        assert name.startswith(made) or (ROOT / name).exists(), name


def test_no_registry_address_is_committed() -> None:
    """The locked files carry hashes and no index address."""
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "--hash=sha256" in text
        assert "://" not in text
