"""The typed settings, read once from the environment and `.env`. An unknown or missing one stops the start with its name.

Each channel brings its own settings class; `bot.cli` names the enabled ones. Every setting is in `.env.example`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, TypeVar

from cryptography.fernet import Fernet
from dotenv import dotenv_values
from pydantic import BaseSettings, Field, SecretStr, ValidationError, root_validator

from bot.errors import SettingsError

PREFIX = "RUTA_"
AnySettings = TypeVar("AnySettings", bound=BaseSettings)


class Settings(BaseSettings):
    """What an operator sets for the whole system, read from `RUTA_...`."""

    mode: Literal["production", "development"] = Field(
        "production", description="`development` makes throw-away keys in var/ and is for one's own machine only."
    )
    database_url: str = Field(
        "sqlite:///var/ruta.db",
        description="Where conversations are kept: sqlite:///path or postgresql+psycopg://user:password@host/name.",
    )
    encryption_keys: SecretStr = Field(
        SecretStr(""),
        description="Keys that encrypt personal data, the newest first, separated by commas; `ruta keys` prints one. Secret.",
    )
    hash_key: SecretStr = Field(
        SecretStr(""),
        description="The key by which a contact is found again; never change it. `ruta keys` prints one. Secret.",
    )
    public_url: str = Field(
        "",
        description="The address at which providers and browsers reach the gateway, without a slash at the end; "
        "empty is http://127.0.0.1 with the port.",
    )
    host: str = Field("127.0.0.1", description="The address of this machine on which the gateway listens.")
    port: int = Field(8080, ge=1, le=65535, description="The port on which the gateway listens.")
    channels: str = Field("webchat", description="The enabled channels, separated by commas: webchat, whatsapp, telegram.")
    workers: int = Field(1, ge=1, le=16, description="How many engine processes `ruta run` starts, 1 to 16.")
    retention_text_days: int = Field(
        30, ge=1, le=365, description="Days for which texts are kept, masked: messages, replies and what the engine remembers."
    )
    retention_record_days: int = Field(
        90, ge=1, le=365, description="Days for which it is kept that and when a message came or went, without its text."
    )
    retention_question_days: int = Field(
        180, ge=1, le=730, description="Days for which a question without an answer is kept for staff, masked."
    )
    retention_contact_days: int = Field(
        365, ge=1, le=1825, description="Days after the last message until all that is left of a contact is deleted."
    )
    retention_feedback_days: int = Field(
        365, ge=1, le=1095, description="Days for which it is kept whether an answer helped; it names nobody."
    )
    retention_complaint_days: int = Field(
        180, ge=1, le=1095, description="Days for which a complaint about staff or officials is kept, encrypted."
    )
    retention_receipt_days: int = Field(
        730, ge=1, le=3650, description="Days for which an erasure can be confirmed by its code; the receipt names nobody."
    )
    retention_plan_days: int = Field(
        30, ge=1, le=90, description="Days for which the plan of a return is kept, as topics with ticks, without a word."
    )
    handoff: bool = Field(
        False,
        description="Whether people of staff answer conversations in the editor, in the hours of content/people.yml. "
        "Off, the bot names the offices and lines of that file.",
    )
    handoff_hours: int = Field(
        12,
        ge=1,
        le=23,
        description="Hours without a word of staff until the bot answers again, 1 to 23: later WhatsApp would not let it say so.",
    )
    retention_story_days: int = Field(
        730,
        ge=31,
        le=3650,
        description="Days after the month's beginning for which the answers to a survey are kept; they name nobody.",
    )
    editor_port: int = Field(8081, ge=1, le=65535, description="The port on which the editor listens.")
    editor_url: str = Field(
        "",
        description="The address at which staff reach the editor, without a slash at the end; empty is http://127.0.0.1 with its "
        "port. In production put it behind https: the cookies and passwords of staff pass here.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="How much our own lines say.")
    log_format: Literal["text", "json"] = Field(
        "text",
        description="How log lines look: `text` for reading, `json` (one object on a line) for programs that collect them.",
    )
    metrics_port: int = Field(
        0,
        ge=0,
        le=65000,
        description="The port on 127.0.0.1 for Prometheus metrics of the gateway, for example 9464; workers take the ports "
        "after it. 0 serves none.",
    )

    class Config:
        env_prefix = PREFIX

    @root_validator(skip_on_failure=True)
    def _secrets_are_set(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("encryption_keys", "hash_key"):
            secret = values[name]
            if values["mode"] == "production" and isinstance(secret, SecretStr) and not secret.get_secret_value():
                raise ValueError(f"{PREFIX}{name.upper()} is missing: write what `ruta keys` prints")
        return values

    @root_validator(skip_on_failure=True)
    def _public_url_follows_the_port(cls, values: dict[str, object]) -> dict[str, object]:
        return {
            **values,
            "public_url": values["public_url"] or f"http://127.0.0.1:{values['port']}",
            "editor_url": str(values["editor_url"]).rstrip("/") or f"http://127.0.0.1:{values['editor_port']}",
        }

    @root_validator(skip_on_failure=True)
    def _metrics_are_not_public(cls, values: dict[str, object]) -> dict[str, object]:
        if values["metrics_port"] == values["port"]:
            raise ValueError(f"{PREFIX}METRICS_PORT: write another port than {PREFIX}PORT, which the whole world can reach")
        return values

    @root_validator(skip_on_failure=True)
    def _texts_go_before_records(cls, values: dict[str, object]) -> dict[str, object]:
        order = [int(str(values[f"retention_{name}_days"])) for name in ("text", "record", "contact")]
        if order != sorted(order):
            raise ValueError(
                f"{PREFIX}RETENTION_TEXT_DAYS, {PREFIX}RETENTION_RECORD_DAYS and {PREFIX}RETENTION_CONTACT_DAYS: "
                "each must be at least as long as the one before"
            )
        return values

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The enabled channels' names."""
        return tuple(name.strip() for name in self.channels.split(",") if name.strip())

    def keys(self, folder: Path = Path("var")) -> tuple[list[str], str]:
        """Return encryption keys and hash key; in development mode missing ones are made once and kept in the folder."""
        encryption = [key.strip() for key in self.encryption_keys.get_secret_value().split(",") if key.strip()]
        hash_key = self.hash_key.get_secret_value()
        if self.mode == "development" and not (encryption and hash_key):
            made = _development_key(folder)
            return encryption or [made], hash_key or made
        return encryption, hash_key

    def secret_values(self) -> list[str]:
        """Return the values that no log line may show."""
        encryption, hash_key = self.encryption_keys.get_secret_value(), self.hash_key.get_secret_value()
        return [*encryption.split(","), hash_key]


def load_environment(root: Path) -> None:
    """Read `.env` into the environment; what is set there already wins."""
    for name, value in dotenv_values(root / ".env").items():
        if value is not None:
            os.environ.setdefault(name, value)


def read_settings(kind: type[AnySettings]) -> AnySettings:
    """Build a settings class from the environment.

    Raises:
        SettingsError: names each missing or malformed setting and what to write.
    """
    try:
        return kind()
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(kind, problem) for problem in error.errors())) from None


def refuse_unknown(kinds: Iterable[type[BaseSettings]], environment: Mapping[str, str]) -> None:
    """Stop on a `RUTA_...` name that no settings class knows, for example a misspelt one.

    Raises:
        SettingsError: names it and the known ones that look like it.
    """
    known = {name for kind in kinds for name in setting_names(kind)}
    unknown = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingsError(
            f"unknown setting {', '.join(unknown)}; the known ones are in .env.example, correct the spelling or remove it"
        )


def setting_names(kind: type[BaseSettings]) -> list[str]:
    """Return the names of the environment variables of a settings class."""
    prefix = str(kind.__config__.env_prefix)
    return [f"{prefix}{name}".upper() for name in kind.__fields__]


def _explain(kind: type[BaseSettings], problem: Mapping[str, object]) -> str:
    location = problem.get("loc")
    field = str(location[0]) if isinstance(location, tuple) and location else ""
    if field in kind.__fields__:
        prefix = str(kind.__config__.env_prefix)
        description = kind.__fields__[field].field_info.description
        return f"{prefix}{field.upper()}: {problem['msg']}. {description}"
    return str(problem["msg"])


def _development_key(folder: Path) -> str:
    path = folder / "development.key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(Fernet.generate_key().decode(), encoding="ascii")
    return path.read_text(encoding="ascii").strip()
