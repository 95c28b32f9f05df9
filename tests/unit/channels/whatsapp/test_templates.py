"""The set-up of templates: complete, idempotent, and safe to run beside a gateway."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.errors import SendFailed
from bot.messages import OutboundMessage, QuickReply
from channels.whatsapp import WhatsAppChannel
from channels.whatsapp.settings import WhatsAppSettings
from channels.whatsapp.templates import load_templates, set_up_templates, template_specs
from tests.contract.whatsapp.cases import make_settings
from tests.support.fake_twilio import FakeTwilio, content_sid
from tests.support.server import serve
from tests.support.twilio_answers import accept, server_error

COUNT = 23
"""Three with buttons, and ten lists with and without second lines."""


def _settings(url: str, folder: Path) -> WhatsAppSettings:
    return make_settings(url, templates_file=folder / "var" / "templates.json")


def test_template_specs_have_a_sample_for_every_variable() -> None:
    """Twilio asks for a sample of each, and names must be unique in the account."""
    specs = template_specs()
    assert len({spec.name for spec in specs}) == COUNT
    for spec in specs:
        text = json.dumps(spec.types)
        assert all(text.count(f"{{{{{name}}}}}") == 1 for name in spec.variables)
        assert text.count("{{") == len(spec.variables)


async def test_set_up_creates_all_templates_and_writes_the_file(tmp_path: Path) -> None:
    """After the set-up a channel that starts sends buttons."""
    twilio, lines = FakeTwilio(), list[str]()
    with serve(twilio.app) as url:
        settings = _settings(url, tmp_path)
        await set_up_templates(settings, lines.append)
        channel = WhatsAppChannel(settings, "https://bot.example.org")
        await channel.start()
        await channel.close()
    assert len(twilio.contents) == COUNT
    assert len(lines) == COUNT + 1
    (request,) = channel.render_outbound(OutboundMessage("¿Sí?", (QuickReply("Sí", "p", "t"),)))
    assert request.body["ContentSid"] == content_sid("ruta_segura_v1_buttons_1")
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["templates.json"]


async def test_set_up_creates_nothing_when_run_again_over_several_pages(tmp_path: Path) -> None:
    """The second run finds every template, also those on later pages."""
    twilio = FakeTwilio(page_size=7)
    with serve(twilio.app) as url:
        first = await set_up_templates(_settings(url, tmp_path), lambda line: None)
        twilio.content_calls.clear()
        second = await set_up_templates(_settings(url, tmp_path), lambda line: None)
    assert first == second
    assert twilio.content_calls == ["GET /v1/Content"] * 4


async def test_set_up_finishes_later_when_twilio_failed_half_way(tmp_path: Path) -> None:
    """A failure leaves no file; what exists by then is not created twice."""
    twilio = FakeTwilio()
    with serve(twilio.app) as url:
        settings = _settings(url, tmp_path)
        twilio.script([accept(), accept(), server_error()])
        with pytest.raises(SendFailed):
            await set_up_templates(settings, lambda line: None)
        assert not settings.templates_file.exists()
        await set_up_templates(settings, lambda line: None)
    assert twilio.content_calls.count("POST /v1/Content") == COUNT + 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(None, "whatsapp_templates_missing", id="missing"),
        pytest.param("{", "whatsapp_templates_unreadable", id="broken"),
        pytest.param('{"templates": []}', "whatsapp_templates_unreadable", id="other_form"),
        pytest.param(
            '{"account_sid": "AC1", "templates": {"a": "HX1"}}',
            "whatsapp_templates_of_other_account",
            id="other_account",
        ),
    ],
)
def test_load_templates_gives_none_and_warns_when_the_file_is_of_no_use(
    text: str | None, code: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The channel starts all the same and sends numbered text."""
    settings = make_settings("http://127.0.0.1:9", templates_file=tmp_path / "templates.json")
    if text is not None:
        settings.templates_file.write_text(text, encoding="utf-8")
    assert load_templates(settings).sids == {}
    assert [record.getMessage() for record in caplog.records] == [code]
