"""The guided dialogues and the menu over the wire: real gateway, worker and engine, each channel's own rendering."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from bot.content.dialogues import Dialogue
from bot.content.loader import load_content
from bot.i18n import LOCALES, Catalogues
from bot.storage.models import Inbound, PlanItem, Story
from bot.storage.session import Database
from channels.whatsapp.limits import LIST_ROWS
from tests.support.conversation import Conversation
from tests.support.programs import ROOT
from tests.support.world import World, run_world

pytestmark = [pytest.mark.engine, pytest.mark.slow]
CHANNELS = ["whatsapp", "telegram", "webchat"]
CONTENT = load_content(ROOT / "content")
TEXTS = Catalogues(ROOT / "locales")
GREETINGS = {"es": "hola buenas", "en": "hello good morning", "fr": "bonjour à tous", "pt": "olá bom dia"}
RISKY = ["journey", "smuggler", "mine", "is_so", "is_so", "is_so", "is_so", "irregular", "is_not"]
DEPORTED = ["deported", "days", "is_so", "is_so", "is_not", "job", "is_not", "quito"]
STORY = ["is_so", "loja", "es", "work", "plane", "alone", "scam"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One running system for all of this module."""
    with run_world(tmp_path_factory.mktemp("dialogues")) as running:
        yield running


@pytest.fixture
def database(world: World) -> Iterator[Database]:
    """Its database."""
    opened = Database(world.programs.environment["RUTA_DATABASE_URL"])
    yield opened
    opened.close()


def _titles(dialogue: Dialogue, options: list[str]) -> list[tuple[str, str]]:
    """Return each question that is asked with the title that answers it."""
    steps, said = [], dict[str, str]()
    for question in dialogue.questions:
        if all(said.get(name) in wanted for name, wanted in question.when.items()):
            said[question.id] = options[len(steps)]
            option = question.option(said[question.id])
            assert option is not None
            steps.append((question.ask["es"], option.title["es"]))
    return steps


async def _answer(contact: Conversation, title: str, *, by_number: bool) -> None:
    await (contact.says(str(contact.choices().index(title) + 1)) if by_number else contact.taps(title))


async def _walk(
    contact: Conversation, dialogue_id: str, options: list[str], begin: str, *, by_number: bool = False, last_twice: bool = False
) -> None:
    """Answer every question as it is asked."""
    await contact.says(begin)
    steps = _titles(CONTENT.dialogues[dialogue_id], options)
    for ask, title in steps:
        await contact.hears(_plain(ask))
        assert len(contact.choices()) <= LIST_ROWS
        await _answer(contact, title, by_number=by_number)
    if last_twice:
        await contact.taps(steps[-1][1])


def _plain(text: str) -> str:
    """Return a text without our marks: each channel writes its own."""
    return text.replace("*", "")


@pytest.mark.parametrize("by_number", [False, True], ids=["tapped", "numbers"])
@pytest.mark.parametrize("channel", CHANNELS)
async def test_an_offer_is_checked(world: World, channel: str, by_number: bool) -> None:
    """Question by question, to the warning with its reasons and where to report."""
    contact = world.contact(channel, 10 + by_number)
    await _walk(contact, "check_offer", RISKY, "revisar una oferta conmigo", by_number=by_number)
    await contact.hears("Alerta fuerte", "coyote", "1800 335486")
    assert await contact.is_offered("Menú")


@pytest.mark.parametrize("by_number", [False, True], ids=["tapped", "numbers"])
@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_return_is_planned(world: World, database: Database, channel: str, by_number: bool) -> None:
    """To the list with places of the city, which is kept and shown again."""
    with database.reading() as session:
        before = len(session.scalars(select(PlanItem)).all())
    contact = world.contact(channel, 20 + by_number)
    await _walk(contact, "plan_return", DEPORTED, "planear mi regreso", by_number=by_number)
    await contact.hears("Casa del Migrante", "revisado el")
    with database.reading() as session:
        assert len(session.scalars(select(PlanItem)).all()) > before
    await contact.says("mi plan")
    await contact.hears("0 de")


@pytest.mark.parametrize("by_number", [False, True], ids=["tapped", "numbers"])
@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_story_is_told(world: World, database: Database, channel: str, by_number: bool) -> None:
    """Permission, six questions, thanks; one more row, and no word of it beside the person."""
    survey = CONTENT.dialogues["share_story"].survey
    assert survey is not None
    with database.reading() as session:
        before = len(session.scalars(select(Story)).all())
    contact = world.contact(channel, 30 + by_number)
    await _walk(contact, "share_story", STORY, "quiero llenar la encuesta", by_number=by_number)
    await contact.hears(survey.thanks["es"])
    with database.reading() as session:
        stories = session.scalars(select(Story)).all()
        assert len(stories) == before + 1
        assert '"risk":"scam"' in stories[0].answers
        kept = session.execute(select(Inbound.text, Inbound.topic)).all()
    assert not {text for text, _ in kept} & {title for _, title in _titles(CONTENT.dialogues["share_story"], STORY)[1:]}
    assert "share_story" not in {topic for _, topic in kept}


@pytest.mark.parametrize("channel", CHANNELS)
async def test_interruptions(world: World, channel: str) -> None:
    """Back, an unrelated question, an emergency, the menu, and a button of the message before the last."""
    contact = world.contact(channel, 40)
    await contact.says("revisar una oferta conmigo")
    await contact.hears("¿Qué le ofrecen?")
    await contact.taps("Un trabajo")
    await contact.hears("¿Quién se lo ofrece?")
    await contact.says("atrás")
    await contact.hears("¿Qué le ofrecen?")
    await contact.taps("Visa o papeles")
    await contact.hears("¿Quién se lo ofrece?")
    await contact.says("como saco el pasaporte")
    await contact.hears("Fuente:", "¿Seguimos con")
    assert contact.choices() == ["Sí, seguir", "No, terminar"]
    await contact.taps("Sí, seguir")
    await contact.hears("¿Quién se lo ofrece?")
    await contact.says("me quieren matar ayuda")
    assert "¿Seguimos" not in await contact.hears("911", "Fuente:")
    await contact.says("menú")
    await contact.hears("Con qué le ayudo")
    await contact.says("revisar una oferta conmigo")
    await contact.hears("quedó a medias")
    await contact.taps("Empezar de nuevo")
    await contact.hears("¿Qué le ofrecen?")
    await contact.taps("Otra cosa")
    await contact.hears("¿Quién se lo ofrece?")
    await contact.says("salir")
    await contact.hears("lo dejamos aquí")


@pytest.mark.parametrize("channel", CHANNELS)
async def test_the_menu_has_two_levels_with_the_emergency_first(world: World, channel: str) -> None:
    """By taps and by number: families, then topics, in pages of no more than a list's rows, then the answer."""
    contact = world.contact(channel, 50)
    await contact.says("menú")
    await contact.hears("Con qué le ayudo")
    assert contact.choices()[0] == TEXTS.text("es", "family.emergency")
    assert len(contact.choices()) <= LIST_ROWS
    await contact.says("1")
    await contact.hears("911")
    await contact.says("menú")
    await contact.hears("Con qué le ayudo")
    await contact.taps(TEXTS.text("es", "family.returns"))
    await contact.hears(TEXTS.text("es", "family.returns"))
    shown = list(contact.choices())
    if channel == "whatsapp":
        assert len(shown) == LIST_ROWS
        await contact.says(str(LIST_ROWS))
        await contact.hears("")
        assert not set(contact.choices()[:-1]) & set(shown[:-1])
        assert len(contact.choices()) <= LIST_ROWS
    await contact.says("2")
    await contact.hears("Fuente:")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("channel", CHANNELS)
async def test_the_menu_speaks_each_language(world: World, channel: str, locale: str) -> None:
    """The language of the first message, the emergency first, and the second level by number."""
    contact = world.contact(channel, 60 + LOCALES.index(locale))
    await contact.says(GREETINGS[locale])
    await contact.hears("")
    await contact.says("menu")
    await contact.hears(TEXTS.text(locale, "reply.menu").split("*")[0])
    families = contact.choices()
    assert families[0] == TEXTS.text(locale, "family.emergency")
    await contact.says(str(families.index(TEXTS.text(locale, "family.flows")) + 1))
    await contact.hears(TEXTS.text(locale, "family.flows"))
    more = TEXTS.text(locale, "choices.more")
    if channel == "whatsapp":  # More topics than a list has rows.
        await contact.says(str(contact.choices().index(more) + 1))
    assert await contact.is_offered(TEXTS.text(locale, "topic.share_story"))


async def test_two_channels_at_once_are_two_conversations(world: World) -> None:
    """What is answered on one is no answer on the other."""
    one, other = world.whatsapp(70), world.telegram_chat(70)
    for contact in (one, other):
        await contact.says("revisar una oferta conmigo")
    for contact in (one, other):
        await contact.hears("¿Qué le ofrecen?")
    await one.taps("Un trabajo")
    await one.hears("¿Quién se lo ofrece?")
    await other.says("atrás")
    await other.hears("primera pregunta")
    await other.taps("Visa o papeles")
    await other.hears("2 de 9")
    await one.taps("Coyote o guía")
    await one.hears("3 de 10")


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_button_pressed_twice_stores_one_story(world: World, database: Database, channel: str) -> None:
    """Both presses of the last button are on their way before the first is answered."""
    with database.reading() as session:
        before = len(session.scalars(select(Story)).all())
    contact = world.contact(channel, 80)
    await _walk(contact, "share_story", STORY, "quiero llenar la encuesta", last_twice=True)
    await contact.hears("Gracias. Guardé", "ya terminó")
    with database.reading() as session:
        assert len(session.scalars(select(Story)).all()) == before + 1


async def test_the_log_names_no_answer(world: World) -> None:
    """Neither a title that was tapped nor an id of an option."""
    log = world.programs.log.read_text()
    for word in ("Estafa", "Loja", "loja", "scam", "origin.", "share_story"):
        assert word not in log
