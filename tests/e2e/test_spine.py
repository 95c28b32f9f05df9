"""From signed webhook to provider call: the real gateway and the real engine, as processes, against the fake providers."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.support.fake_telegram import TOKEN
from tests.support.fake_twilio import AUTH_TOKEN
from tests.support.programs import Programs
from tests.support.world import World, run_world

pytestmark = [pytest.mark.engine, pytest.mark.slow]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Start both fakes, the gateway and one worker."""
    with run_world(tmp_path_factory.mktemp("spine")) as running:
        yield running


def _receipt(programs: Programs, code: str) -> str:
    """Return what staff read when they confirm an erasure."""
    command = [sys.executable, "-m", "bot.cli", "privacy", "receipt", code]
    return subprocess.run(command, env=programs.environment, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("channel", ["whatsapp", "telegram"])
async def test_the_same_conversation_passes_when_it_comes_over_each_channel(world: World, channel: str) -> None:
    """Greeting, a question with source and date, a tapped section, a typed number, another language."""
    contact = world.contact(channel, 1)
    await contact.says("hola buenas")
    await contact.hears("Ruta Segura", "no denuncio a nadie", "911")
    await contact.says("q visa necesito pa mexico")
    await contact.hears("visa", "Fuente:", "Revisado el", "2026", "Verifique antes de actuar")
    await contact.taps(contact.choices()[0])
    await contact.hears("Fuente:")
    await contact.says("menu")
    await contact.hears("Con qué le ayudo")
    assert "Emergencia" in contact.choices()
    await contact.says("1")
    await contact.hears("Emergencia")
    await contact.says("how do i get the returned migrant certificate")
    await contact.hears("certificate", "Source:", "Checked on")


@pytest.mark.parametrize("channel", ["whatsapp", "telegram"])
async def test_urgent_messages_are_answered_with_numbers(world: World, channel: str) -> None:
    """A missing relative gets the urgent card with a telephone number at once."""
    contact = world.contact(channel, 2)
    await contact.says("mi hermana esta desaparecida desde la selva")
    assert "911" in await contact.hears("Teléfonos en Ecuador", "Fuente:")


async def test_bad_input_gets_a_plain_reply_and_the_conversation_goes_on(world: World) -> None:
    """Twenty thousand letters, emojis, right-to-left marks, a typed command: each is answered, none sticks."""
    contact = world.telegram_chat(3)
    for text in ("a" * 4096, "😀" * 300, "\u202eayuda\u200b", '/restart{"a": 1}', "/greet", "\u0000", "   "):
        await contact.says(text)
        assert await contact.hears(""), f"no reply to {text[:20]!r}"
    await contact.says("como saco el pasaporte")
    assert "pasaporte" in (await contact.hears("Fuente:")).casefold()


async def test_voice_location_and_sticker_get_a_plain_sentence(world: World) -> None:
    """What the bot cannot read is said so, in words."""
    contact = world.whatsapp(4)
    await contact.delivers(world.twilio.media("audio/ogg", From="whatsapp:+593990000004"))
    assert "911" in await contact.hears("no puedo escuchar audios")
    await contact.delivers(world.twilio.location(-0.18, -78.46, From="whatsapp:+593990000004"))
    assert await contact.hears("Cerca de Quito", "No guardo su ubicación")


async def test_a_repeated_webhook_is_answered_once(world: World) -> None:
    """Three deliveries of one message give one reply."""
    contact = world.whatsapp(5)
    form = world.twilio.message("hola", address="whatsapp:+593990000005")
    await contact.delivers(form, form, form)
    await contact.hears("Ruta Segura")
    await contact.says("gracias")
    await contact.hears("")
    greetings = [text for text in contact.received() if "Soy Ruta Segura" in text]
    assert len(greetings) == 1


async def test_a_forged_webhook_is_refused(world: World) -> None:
    """Without the right signature or secret nothing is stored."""
    form = world.twilio.message("hola", address="whatsapp:+593990000006")
    async with httpx.AsyncClient() as client:
        unsigned = await client.post(f"{world.programs.url}/webhooks/whatsapp", data=form)
        forged = await client.post(f"{world.programs.url}/webhooks/whatsapp", data=form, headers={"X-Twilio-Signature": "AAAA"})
        telegram = await client.post(f"{world.programs.url}/webhooks/telegram", json={"update_id": 1})
    assert {unsigned.status_code, forged.status_code, telegram.status_code} <= {401, 403}
    assert world.twilio.sent("whatsapp:+593990000006") == []


async def test_nothing_is_lost_when_the_worker_is_killed(world: World) -> None:
    """Messages that came while no worker ran are answered by the next one, in order."""
    world.programs.kill("worker")
    contact = world.telegram_chat(7)
    await contact.says("hola")
    await contact.says("como saco la cedula")
    world.programs.start("worker")
    heard = await contact.hears("Ruta Segura", "cédula")
    assert heard.index("Ruta Segura") < heard.index("Fuente:")


async def test_the_gateway_alone_answers_an_emergency(world: World) -> None:
    """Without any worker the card comes after twenty seconds and the menu can be used; the worker answers the rest later."""
    world.programs.kill("worker")
    contact, other = world.telegram_chat(8), world.whatsapp(8)
    await contact.says("auxilio me quieren matar")
    await other.says("qué papeles piden para el certificado de migrante retornado")
    await contact.hears("911", "Fuente:")
    await other.hears("está guardado", "911")
    assert "Emergencia" in other.choices()
    world.programs.start("worker")
    await contact.hears("911", "Fuente:")
    await other.hears("certificado", "Revisado el")


@pytest.mark.parametrize("channel", ["whatsapp", "telegram"])
async def test_a_person_sees_stops_and_deletes(world: World, channel: str) -> None:
    """Who reads this, what is kept, stop, an answer all the same, and everything deleted with a code that staff can confirm."""
    contact = world.contact(channel, 9)
    await contact.says("quién lee lo que escribo aquí")
    await contact.hears("No denuncio a nadie", "Twilio" if channel == "whatsapp" else "Telegram guarda", "borrar mis datos")
    await contact.says("mis datos")
    await contact.hears("Lo que guardo de usted", "Mensajes suyos: 2")
    await contact.says("BAJA")
    await contact.hears("no le escribiré más")
    await contact.says("mi hermana esta desaparecida desde la selva")
    await contact.hears("911", "Fuente:")
    await contact.says("borrar mis datos")
    await contact.hears("No se puede recuperar")
    await contact.taps("Sí, borrar todo")
    said = await contact.hears("Borré todo")
    code = re.findall(r"[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}", said)[-1]
    assert _receipt(world.programs, code).startswith("erased 20")
    await contact.says("mis datos")
    await contact.hears("Mensajes suyos: 1")


async def test_logs_hold_no_text_and_no_address(world: World) -> None:
    """After all these conversations the programs' log shows neither what was written nor who wrote."""
    log = world.programs.log.read_text()
    for secret in ("hermana", "pasaporte", "59399000", AUTH_TOKEN, TOKEN):
        assert secret not in log
