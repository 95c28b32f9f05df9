"""What an operator sets to reach people on WhatsApp. The environment is read when the class is called."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseSettings, Field, SecretStr, root_validator, validator

_ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")
_SERVICE_SID = re.compile(r"(MG[0-9a-fA-F]{32})?")


class WhatsAppSettings(BaseSettings):
    """The settings of the WhatsApp channel, read from `RUTA_WHATSAPP_...`."""

    account_sid: str = Field(
        ..., description="The Account SID on the first page of the Twilio console: AC and 32 letters and digits."
    )
    auth_token: SecretStr = Field(
        ..., description="The Auth Token beside the Account SID; it signs Twilio's calls and opens the account. Secret."
    )
    sender: str = Field(
        "",
        description="The address that people write to, for example whatsapp:+14155238886. This or a messaging service.",
    )
    messaging_service_sid: str = Field(
        "", description="A Messaging Service that sends instead of one sender: MG and 32 letters and digits."
    )
    templates_file: Path = Field(
        Path("var/whatsapp-templates.json"),
        description="Where `ruta whatsapp setup` keeps the ids of the button and list templates; "
        "without it choices are numbered text.",
    )
    timeout_seconds: float = Field(
        10.0,
        gt=0,
        le=60,
        description="Seconds to wait for Twilio to take a message before the send counts as timed out.",
    )
    api_url: str = Field("https://api.twilio.com", description="The address of Twilio's API; only tests change it.")
    content_url: str = Field(
        "https://content.twilio.com", description="The address of Twilio's Content API; only tests change it."
    )

    class Config:
        env_prefix = "RUTA_WHATSAPP_"

    @validator("account_sid")
    def _account_has_its_form(cls, value: str) -> str:
        if not _ACCOUNT_SID.fullmatch(value):
            raise ValueError("write the Account SID from the Twilio console: AC and 32 letters and digits")
        return value

    @validator("auth_token")
    def _token_is_there(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().strip():
            raise ValueError("write the Auth Token from the Twilio console")
        return value

    @validator("sender")
    def _sender_is_on_whatsapp(cls, value: str) -> str:
        if value and not value.startswith("whatsapp:"):
            raise ValueError("write the address with its channel, for example whatsapp:+14155238886")
        return value

    @validator("messaging_service_sid")
    def _service_has_its_form(cls, value: str) -> str:
        if not _SERVICE_SID.fullmatch(value):
            raise ValueError("write the Messaging Service SID: MG and 32 letters and digits")
        return value

    @validator("api_url", "content_url")
    def _address_is_http(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("write an address that begins with https://")
        return value.rstrip("/")

    @root_validator(skip_on_failure=True)
    def _someone_sends(cls, values: dict[str, Any]) -> dict[str, Any]:
        if not values["sender"] and not values["messaging_service_sid"]:
            raise ValueError(
                "set RUTA_WHATSAPP_SENDER, for example whatsapp:+14155238886, or RUTA_WHATSAPP_MESSAGING_SERVICE_SID"
            )
        return values
