"""The settings: a wrong one stops the start with its name and what to write; nothing secret has a default."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from cryptography.fernet import Fernet
from pydantic import BaseSettings, SecretStr

from bot.errors import SettingsError
from bot.settings import PREFIX, Settings, load_environment, read_settings, refuse_unknown, setting_names
from bot.wiring import CHANNELS, build_channel, enabled_names, open_app, settings_class

KINDS: dict[str, type[BaseSettings]] = {"whole system": Settings, **{name: settings_class(name) for name in CHANNELS}}
ALL_KINDS = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
SECRETS = [
    pytest.param(kind, name, id=f"{kind.__name__}.{name}")
    for kind in KINDS.values()
    for name, entry in kind.__fields__.items()
    if entry.type_ is SecretStr
]


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Begin without any of our settings, and put the environment back afterwards."""
    with mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            del os.environ[name]
        yield


@pytest.fixture
def two_keys() -> tuple[str, str]:
    """Set the two secrets of production."""
    made = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    os.environ["RUTA_ENCRYPTION_KEYS"], os.environ["RUTA_HASH_KEY"] = made
    return made


def test_production_is_what_runs_when_nothing_is_said(two_keys: tuple[str, str]) -> None:
    """Nobody gets throw-away keys without asking for them."""
    settings = read_settings(Settings)
    assert settings.mode == "production"
    assert settings.keys() == ([two_keys[0]], two_keys[1])


@pytest.mark.parametrize("missing", ["RUTA_ENCRYPTION_KEYS", "RUTA_HASH_KEY"])
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_the_start_stops_when_a_secret_is_missing_in_production(two_keys: tuple[str, str], missing: str, how: str) -> None:
    """The error has the variable's name and the command that prints a value."""
    del os.environ[missing]
    if how == "empty":
        os.environ[missing] = ""
    with pytest.raises(SettingsError, match=f"{missing} is missing: write what `ruta keys` prints"):
        read_settings(Settings)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("RUTA_PORT", "eighty", "The port on which"),
        ("RUTA_PORT", "70000", "The port on which"),
        ("RUTA_WORKERS", "0", "1 to 16"),
        ("RUTA_MODE", "test", "development"),
        ("RUTA_LOG_LEVEL", "LOUD", "How much"),
    ],
)
def test_the_start_stops_when_a_value_is_malformed(two_keys: tuple[str, str], name: str, value: str, said: str) -> None:
    """The error has the variable's name and what it is for."""
    os.environ[name] = value
    with pytest.raises(SettingsError, match=f"(?s){name}: .*{said}"):
        read_settings(Settings)


def test_every_fault_is_named_when_there_are_several(two_keys: tuple[str, str]) -> None:
    """Two wrong values are two lines, so that nobody has to start twice."""
    os.environ.update(RUTA_PORT="x", RUTA_WORKERS="x")
    with pytest.raises(SettingsError) as caught:
        read_settings(Settings)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == ["RUTA_PORT", "RUTA_WORKERS"]


@pytest.mark.parametrize(
    ("channel", "name"),
    [
        ("whatsapp", "RUTA_WHATSAPP_ACCOUNT_SID"),
        ("whatsapp", "RUTA_WHATSAPP_AUTH_TOKEN"),
        ("telegram", "RUTA_TELEGRAM_BOT_TOKEN"),
    ],
)
def test_the_start_stops_when_a_channels_setting_is_missing(channel: str, name: str) -> None:
    """An enabled channel without its account says which variable to write."""
    with pytest.raises(SettingsError, match=f"{name}: field required. ."):
        read_settings(settings_class(channel))


@pytest.mark.parametrize("name", ["RUTA_PROT", "RUTA_WHATSAPP_TOKEN", "RUTA_TELEGRAM_", "RUTA_SIGNAL_NUMBER"])
def test_the_start_stops_when_a_name_is_unknown(name: str) -> None:
    """A misspelt setting is not ignored."""
    with pytest.raises(SettingsError, match=f"unknown setting {name};"):
        refuse_unknown(KINDS.values(), {name: "1", "PATH": "/bin"})


def test_known_names_of_every_class_pass() -> None:
    """No class's own setting is taken for a misspelt one, also of channels that are not enabled."""
    known = {name: "" for kind in KINDS.values() for name in setting_names(kind)}
    assert len(known) > len(KINDS)
    refuse_unknown(KINDS.values(), known)
    with pytest.raises(SettingsError, match="unknown setting RUTA_X;"):
        refuse_unknown(KINDS.values(), {**known, "RUTA_X": ""})


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"port": 8091}, "http://127.0.0.1:8091"),
        ({"port": 8091, "public_url": "https://ruta.example"}, "https://ruta.example"),
    ],
)
def test_the_public_address_follows_the_port_unless_it_is_set(given: dict[str, object], address: str) -> None:
    """What `ruta run` prints to open is where the gateway listens."""
    assert Settings.parse_obj({"mode": "development", **given}).public_url == address


@pytest.mark.parametrize("channels", ["", " , ", "webchat,signal"])
def test_the_start_stops_when_a_channel_does_not_exist(channels: str) -> None:
    """The error lists the channels that can be written."""
    settings = Settings.parse_obj({"mode": "development", "channels": channels})
    with pytest.raises(SettingsError, match="RUTA_CHANNELS: write one or more of webchat, whatsapp, telegram"):
        enabled_names(settings)


def test_development_makes_its_keys_once(tmp_path: Path) -> None:
    """The key is a real one, kept for the next start, and readable by its owner alone."""
    settings = Settings.parse_obj({"mode": "development"})
    (encryption,), hash_key = settings.keys(tmp_path / "var")
    assert settings.keys(tmp_path / "var") == ([encryption], hash_key)
    Fernet(encryption)
    assert stat.S_IMODE((tmp_path / "var" / "development.key").stat().st_mode) == 0o600


def test_development_keeps_the_keys_that_are_set(tmp_path: Path) -> None:
    """A key that somebody wrote is never replaced by a made one."""
    settings = Settings.parse_obj({"mode": "development", "encryption_keys": "new, old", "hash_key": "mine"})
    assert settings.keys(tmp_path) == (["new", "old"], "mine")
    assert list(tmp_path.iterdir()) == []


def test_production_makes_no_keys(two_keys: tuple[str, str], tmp_path: Path) -> None:
    """Nothing is written where keys are set."""
    read_settings(Settings).keys(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_env_file_is_read_and_the_environment_wins(two_keys: tuple[str, str], tmp_path: Path) -> None:
    """A line of `.env` counts unless the variable is set already."""
    (tmp_path / ".env").write_text("# a comment\nRUTA_PORT=9001\nRUTA_WORKERS=3\n", encoding="utf-8")
    os.environ["RUTA_WORKERS"] = "2"
    load_environment(tmp_path)
    settings = read_settings(Settings)
    assert (settings.port, settings.workers) == (9001, 2)


def test_open_app_refuses_an_unknown_name_in_the_env_file(two_keys: tuple[str, str], tmp_path: Path) -> None:
    """A slip in `.env` stops the start like one in the environment."""
    (tmp_path / ".env").write_text("RUTA_PUBLICURL=https://example.org\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="unknown setting RUTA_PUBLICURL"):
        open_app(tmp_path)


def test_whatsapp_wants_a_public_address_in_production(two_keys: tuple[str, str], tmp_path: Path) -> None:
    """Twilio's signature covers the address that it calls, so the default one cannot work."""
    os.environ.update(
        RUTA_DATABASE_URL=f"sqlite:///{tmp_path}/ruta.db",
        RUTA_CHANNELS="whatsapp",
        RUTA_WHATSAPP_ACCOUNT_SID="AC" + "0" * 32,
        RUTA_WHATSAPP_AUTH_TOKEN="invented",
        RUTA_WHATSAPP_SENDER="whatsapp:+14155238886",
    )
    with mock.patch("bot.wiring.set_up_logging"):
        app = open_app(tmp_path)
    with pytest.raises(SettingsError, match="RUTA_PUBLIC_URL"):
        build_channel(app, "whatsapp")


@pytest.mark.parametrize(("kind", "name"), SECRETS)
def test_no_secret_has_a_default(kind: type[BaseSettings], name: str) -> None:
    """Neither a required secret nor an optional one comes with a value that others know."""
    default = kind.__fields__[name].default
    assert default is None or default.get_secret_value() == ""


@ALL_KINDS
def test_whatever_sounds_secret_is_kept_secret(kind: type[BaseSettings]) -> None:
    """A key, token, secret or password is a `SecretStr`, which prints as asterisks; and every `SecretStr` says so."""
    for name, entry in kind.__fields__.items():
        sounds_secret = any(word in name for word in ("token", "secret", "password", "key"))
        assert sounds_secret == (entry.type_ is SecretStr), name
        if sounds_secret:
            assert entry.field_info.description.endswith("Secret."), name


def test_the_list_of_secrets_is_not_empty() -> None:
    """The checks of secrets look at the ones that exist today at least."""
    assert len(SECRETS) >= 5


@ALL_KINDS
def test_every_setting_says_what_it_is_for(kind: type[BaseSettings]) -> None:
    """The description is what an operator reads when a value is wrong."""
    for name, entry in kind.__fields__.items():
        assert len(entry.field_info.description or "") > 20, name


def test_secrets_do_not_show_when_settings_are_printed(two_keys: tuple[str, str]) -> None:
    """Printing the settings, by mistake or for help, shows no key; logs get the list of what to hide."""
    settings = read_settings(Settings)
    shown = f"{settings!r} {settings}"
    assert two_keys[0] not in shown
    assert two_keys[1] not in shown
    assert settings.secret_values() == [*two_keys]


def test_metrics_are_never_on_the_public_port(two_keys: tuple[str, str]) -> None:
    """The start stops and says to write another one."""
    os.environ.update(RUTA_PORT="9000", RUTA_METRICS_PORT="9000")
    with pytest.raises(SettingsError, match="RUTA_METRICS_PORT: write another port than RUTA_PORT"):
        read_settings(Settings)
