"""Help nearby: pin first, need first, a town with slips, hours, other countries, and nothing of the position left behind."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from bot.conversations.my_data import MyDataReader
from bot.conversations.nearby import NEAR, NearbyDesk
from bot.conversations.place_finder import PlaceFinder
from bot.conversations.privacy import PrivacyDesk
from bot.conversations.replies import Replies
from bot.conversations.retention import RetentionLimits
from bot.conversations.turns import OfferedChoice, Trace, Turn, TurnResult, fresh_turn
from bot.i18n import LOCALES, Catalogues
from bot.messages import InboundKind, Location, OutboundMessage
from bot.settings import Settings
from bot.storage.models import Conversation, Inbound
from bot.storage.vault import Vault
from bot.wiring import CHANNELS, Paths, _preview, build_replies, channel_limits
from bot.worker import Worker
from tests.support.builders import KEY, Clock, System, make_inbound
from tests.support.engine import ROOT, shared_worker

MONDAY_NOON = datetime(2026, 11, 23, 17, 0, tzinfo=timezone.utc)
QUITO, TAPACHULA, OCEAN = Location(-0.180653, -78.467834), Location(14.9054, -92.2589), Location(-5.0, -100.0)


@pytest.fixture(scope="module")
def replies() -> Replies:
    """Return the composer over the real content."""
    return build_replies(Paths(ROOT))


@pytest.fixture
def clock() -> Clock:
    """Return a clock at Monday noon in Ecuador."""
    return Clock(MONDAY_NOON)


@pytest.fixture
def desk(replies: Replies, clock: Clock) -> NearbyDesk:
    """Return the desk with the real vocabulary."""
    return NearbyDesk.open(ROOT / "intents", Vault([KEY], KEY), Catalogues(ROOT / "locales"), replies, clock)


def _turn(text: str = "", locale: str = "es", **changes: object) -> Turn:
    return replace(fresh_turn(text, locale, MONDAY_NOON), **changes)


def _pin(place: Location, locale: str = "es", before: OutboundMessage | None = None) -> Turn:
    return _turn(locale=locale, kind=InboundKind.LOCATION, location=place, choices=_choices(before))


def _choices(message: OutboundMessage | None) -> tuple[OfferedChoice, ...]:
    offered = message.quick_replies if message else ()
    return tuple(OfferedChoice(number, one.title, one.payload) for number, one in enumerate(offered, 1))


def _reply(result: TurnResult | None) -> OutboundMessage:
    assert result is not None
    return result.replies[0]


def _taps(desk: NearbyDesk, message: OutboundMessage, title: str, locale: str = "es") -> OutboundMessage:
    chosen = next(one.payload for one in message.quick_replies if one.title == title)
    return _reply(desk.tap(_turn(locale=locale), chosen, ""))


def _asks(desk: NearbyDesk, text: str, *, is_tapped: bool = False) -> OutboundMessage:
    engine = TurnResult([OutboundMessage("engine")], text, "es", "hint", trace=Trace("flow", "nearby_services"))
    return desk.complete(_turn(text), engine, is_tapped=is_tapped).replies[0]


def test_the_pin_first_then_the_need(desk: NearbyDesk) -> None:
    """The town is told back, one tap gives three places with all that helps to decide."""
    asked = _reply(desk.locate(_pin(QUITO)))
    assert "Quito (Pichincha)" in asked.text
    assert [one.title for one in asked.quick_replies][:3] == ["Albergue", "Salud", "Violencia, protección"]
    answer = _taps(desk, asked, "Documentos")
    assert answer.text.count("Registro Civil") >= 3
    assert "abierto ahora hasta las 17:00" in answer.text
    assert "revisado el 23 de noviembre de 2026" in answer.text
    assert "antes de ir" in answer.text


def test_the_need_first_then_the_place(desk: NearbyDesk) -> None:
    """The need is kept while the place is asked for, whether it comes as words or as a pin."""
    where = _asks(desk, "necesito ayuda legal cerca")
    assert where.asks_location and where.location_title
    by_words = _reply(desk.hear(_turn("Guallaquil", choices=_choices(where)), ""))
    assert "Ayuda legal: cerca de Guayaquil" in by_words.text
    by_pin = _reply(desk.locate(_pin(QUITO, before=where)))
    assert "Ayuda legal: cerca de Quito" in by_pin.text
    assert "Ayuda legal: cerca de Tulcán" in _taps(desk, where, "Tulcán").text


def test_everything_in_one_message(desk: NearbyDesk) -> None:
    """Place and need in words need no question."""
    assert "Albergue: cerca de Ibarra" in _asks(desk, "qué albergue hay cerca de ibarra").text


def test_a_need_may_be_typed(desk: NearbyDesk) -> None:
    """Words answer the question as a tap does; a long or another question goes to the engine."""
    asked = _reply(desk.locate(_pin(QUITO)))
    assert "Ayuda legal" in _reply(desk.hear(_turn("un abogado", choices=_choices(asked)), "")).text
    moved = _reply(desk.hear(_turn("estoy en Loja", choices=_choices(asked)), ""))
    assert "Loja" in moved.text
    long = "y si me voy a españa con mi familia qué papeles me pide el consulado"
    assert desk.hear(_turn(long, choices=_choices(asked)), "") is None
    assert desk.hear(_turn("cómo está el clima", choices=_choices(asked)), "") is None
    assert desk.hear(_turn("un abogado"), "") is None


def test_distances_and_no_place_of_that_kind(desk: NearbyDesk) -> None:
    """Another town is told with its distance; where none is near, the country's numbers and what else is there."""
    near = _asks(desk, "necesito un albergue cerca de Otavalo").text
    assert "En Ibarra, a unos" in near
    none = _asks(desk, "albergue cerca de Huaquillas").text
    assert "No conozco un lugar de este tipo" in none
    assert "911" in none and "HIAS" in none


def test_in_another_country_its_own_numbers(desk: NearbyDesk) -> None:
    """Places in Ecuador are of no use in Mexico; a country without numbers is said to have none here."""
    mexico = _reply(desk.locate(_pin(TAPACHULA)))
    assert "Tapachula (México)" in mexico.text
    assert "Teléfonos en México" in mexico.text and "911" in mexico.text
    assert "Quito" not in mexico.text
    brazil = _asks(desk, "ayuda cerca de Manaus").text
    assert "no tengo teléfonos revisados de Brasil" in brazil


@pytest.mark.parametrize(
    ("hour", "words"), [(16, "abierto ahora"), (23, "cerrado ahora"), (12, "cerrado ahora")], ids=["11:00", "18:00", "07:00"]
)
def test_open_now_by_the_place_s_own_clock(desk: NearbyDesk, clock: Clock, hour: int, words: str) -> None:
    """The server's zone does not matter; unknown hours are said to be unknown."""
    clock.now = MONDAY_NOON.replace(hour=hour)
    answer = _asks(desk, "registro civil documentos cerca de Cuenca").text
    assert words in answer
    assert "No conozco su horario" in _asks(desk, "albergue cerca de Ibarra").text


def test_an_unknown_position_is_asked_for_in_words(desk: NearbyDesk) -> None:
    """At sea nothing is guessed."""
    assert "No reconozco ese lugar" in _reply(desk.locate(_pin(OCEAN))).text


def test_a_town_alone_is_understood_when_the_engine_is_unsure(desk: NearbyDesk) -> None:
    """Only then, and only if nothing else is said."""
    unsure = TurnResult([OutboundMessage("engine")], "", "es", "hint", trace=Trace("menu", is_miss=True))
    assert "Loja" in desk.complete(_turn("Loja"), unsure, is_tapped=False).replies[0].text
    assert desk.complete(_turn("mi perro vive en Loja"), unsure, is_tapped=False) is unsure
    sure = replace(unsure, trace=Trace("answer", "passport"))
    assert desk.complete(_turn("Loja"), sure, is_tapped=False) is sure


def test_choices_are_encrypted_and_end_with_their_key(desk: NearbyDesk, replies: Replies) -> None:
    """What a button carries says nothing to whoever reads the database; with another key it is as good as expired."""
    asked = _reply(desk.locate(_pin(QUITO)))
    assert asked.choices_minutes == 60
    raw = asked.quick_replies[0].payload
    assert raw.startswith(NEAR) and "Quito" not in raw and "ec:" not in raw
    other = NearbyDesk.open(
        ROOT / "intents", Vault([Fernet.generate_key().decode()], KEY), Catalogues(ROOT / "locales"), replies, Clock()
    )
    assert "ya no sirve" in _reply(other.tap(_turn(), raw, "")).text


@pytest.mark.parametrize("locale", LOCALES)
def test_every_channel_shows_it_in_every_language(desk: NearbyDesk, locale: str) -> None:
    """Question and answer fit each channel, ten choices are not paged, the web page and Telegram offer their own button."""
    limits = channel_limits(Settings.parse_obj({"mode": "development", "channels": ",".join(CHANNELS)}))
    asked = _reply(desk.locate(_pin(QUITO, locale)))
    title = Catalogues(ROOT / "locales").text(locale, "need.documents")
    where = desk.complete(
        _turn("", locale), TurnResult([], "", locale, "hint", trace=Trace("flow", "nearby_services")), is_tapped=True
    ).replies[0]
    for message in (asked, where, _taps(desk, asked, title, locale)):
        shown = _preview(Catalogues(ROOT / "locales"), limits, message, locale)
        assert set(shown) == set(CHANNELS)
        for name, bubbles in shown.items():
            titles = [title for bubble in bubbles for title in (*bubble.buttons, *(row for row, _ in bubble.rows))]
            assert len(titles) >= len(message.quick_replies), name  # Nothing is hidden behind "more".
            assert all(bubble.length <= bubble.limit for bubble in bubbles), name


@pytest.fixture
def worker(system: System) -> Iterator[Worker]:
    """Return the real worker on this system's database."""
    shared = shared_worker().parts
    reader = MyDataReader(system.database, RetentionLimits())
    desk = PrivacyDesk.open(ROOT / "intents", reader, system.vault, shared.texts, shared.replies)
    nearby = NearbyDesk(
        PlaceFinder.open(ROOT / "intents"), shared.nearby._needs, system.vault, shared.texts, shared.replies, system.clock
    )
    yield Worker(replace(shared, turns=system.turns(), privacy=desk, nearby=nearby))


def _raw(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("ruta.db*"))


@pytest.mark.engine
@pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)
async def test_nothing_of_a_position_is_stored(
    system: System, worker: Worker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in tables, free pages, the write-ahead log, the engine's memory or our log; also the label that WhatsApp sends with it."""
    pin = make_inbound("Casa de mi tía, Calle Larga 12", kind=InboundKind.LOCATION, location=QUITO)
    with caplog.at_level("DEBUG"):
        for message in (make_inbound("ayuda cerca de mí"), pin, make_inbound("1")):
            system.inbox.store([message])
            assert await worker.run_once()
    raw = _raw(tmp_path)
    with system.database.reading() as session:
        state = session.scalars(select(Conversation)).one().engine_state
        kept = [row.text for row in session.scalars(select(Inbound).order_by(Inbound.id))]
    assert kept[1] == ""
    memory = zlib.decompress(state or b"") if state else b""
    for secret in ("0.180653", "78.467834", "0.18065", "78.4678", "Calle Larga", "mi tía"):
        assert secret.encode() not in raw, secret
        assert secret.encode() not in memory, secret
        assert secret not in caplog.text, secret
