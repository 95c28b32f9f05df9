"""Settings that cannot work stop the start and say what to write."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from channels.whatsapp import WhatsAppSettings
from tests.contract.whatsapp.cases import make_settings
from tests.support.fake_twilio import AUTH_TOKEN

_NOTHING: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        pytest.param({"account_sid": "123"}, "Account SID", id="account"),
        pytest.param({"auth_token": " "}, "Auth Token", id="token"),
        pytest.param({"sender": "+14155550100"}, "whatsapp:+", id="sender_without_channel"),
        pytest.param({"sender": ""}, "RUTA_WHATSAPP_SENDER", id="nobody_sends"),
        pytest.param({"messaging_service_sid": "x"}, "Messaging Service SID", id="service"),
        pytest.param({"api_url": "api.twilio.com"}, "https://", id="address"),
        pytest.param({"timeout_seconds": 0}, "greater than 0", id="time_out"),
    ],
)
def test_settings_are_refused_with_a_hint_when_a_value_cannot_work(changes: dict[str, object], hint: str) -> None:
    """The message says what to write."""
    with pytest.raises(ValidationError, match=hint.replace("+", r"\+")):
        make_settings("http://127.0.0.1:9", **changes)


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names begin with the prefix, and no secret has a default."""
    with pytest.raises(ValidationError) as caught:
        WhatsAppSettings(**_NOTHING)
    assert {error["loc"][0] for error in caught.value.errors()} == {"account_sid", "auth_token"}
    monkeypatch.setenv("RUTA_WHATSAPP_ACCOUNT_SID", "AC" + "1" * 32)
    monkeypatch.setenv("RUTA_WHATSAPP_AUTH_TOKEN", AUTH_TOKEN)
    monkeypatch.setenv("RUTA_WHATSAPP_MESSAGING_SERVICE_SID", "MG" + "1" * 32)
    settings = WhatsAppSettings(**_NOTHING)
    assert settings.messaging_service_sid == "MG" + "1" * 32
    assert AUTH_TOKEN not in repr(settings)


def test_every_setting_says_what_it_is_for() -> None:
    """The table of settings is written from these."""
    fields = WhatsAppSettings.__fields__
    assert fields
    assert [name for name, field in fields.items() if not field.field_info.description] == []
