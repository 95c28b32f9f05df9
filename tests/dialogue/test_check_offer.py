"""The check of an offer with the real engine: the straight way, every interruption, every kind of bad input, and edits by staff."""

from __future__ import annotations

import importlib
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.content.dialogues import Dialogue
from bot.content.library import RELOAD_SECONDS
from bot.content.loader import load_content
from bot.conversations.dialogues.state import Phase, State
from bot.conversations.paging import fit_choices
from bot.engine.agent import Engine
from bot.engine.training import newest_model
from bot.i18n import LOCALES
from bot.messages import InboundKind
from bot.wiring import CHANNELS, Paths, build_replies
from bot.worker import Worker
from tests.support.dialogue import DialogueTester
from tests.support.engine import ROOT, shared_worker

pytestmark = pytest.mark.engine
START = "/check_offer"
DIALOGUE = load_content(ROOT / "content").dialogues["check_offer"]
HARMLESS = {
    "kind": "job", "who": "known", "papers": "mine", "free": "is_so", "paid": "is_not", "debt": "is_not", "contract": "is_so",
    "secret": "is_not", "route": "regular", "place": "is_so",
}  # fmt: skip
WORST = {
    "kind": "job", "who": "online", "papers": "asked", "free": "is_so", "paid": "is_so", "debt": "is_so", "contract": "is_not",
    "secret": "is_so", "route": "irregular", "place": "is_not",
}  # fmt: skip


@pytest.fixture
def worker() -> Worker:
    return shared_worker()


def title_of(question: str, option: str, locale: str = "es", dialogue: Dialogue = DIALOGUE) -> str:
    """Return what an option is called."""
    found = dialogue.question(question)
    chosen = found.option(option) if found else None
    assert chosen is not None
    return chosen.title[locale]


async def _started(worker: Worker, locale: str = "es", channel: str = "whatsapp") -> DialogueTester:
    tester = DialogueTester(worker, locale, channel)
    await tester.taps_payload(START)
    return tester


async def _answered(tester: DialogueTester, answers: dict[str, str], locale: str = "es", until: str = "") -> str:
    for question, option in answers.items():
        if question == until:
            break
        await tester.taps(title_of(question, option, locale))
    return tester.heard


def _state(tester: DialogueTester) -> State:
    assert tester.state is not None
    return tester.state


def _asks(tester: DialogueTester, question: str, locale: str = "es") -> bool:
    found = DIALOGUE.question(question)
    return found is not None and found.ask[locale] in tester.heard


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(("answers", "level"), [(HARMLESS, "none"), (WORST, "strong")], ids=["no sign", "strong"])
@pytest.mark.parametrize("channel", sorted(CHANNELS))
async def test_ten_taps_lead_to_a_level(worker: Worker, channel: str, locale: str, answers: dict[str, str], level: str) -> None:
    """On every channel and in every language; the reasons are those that were tapped, and nothing is called safe."""
    tester = await _started(worker, locale, channel)
    assert tester.last is not None
    assert (tester.last.trace.decision, tester.last.trace.topic) == ("flow", "check_offer")
    heard = await _answered(tester, answers, locale)
    (found,) = [one for one in DIALOGUE.levels if one.id == level]
    assert found.title[locale] in heard
    assert found.advice[locale] in heard
    assert "1800 335486" in heard
    named = [option.reason[locale] for question in DIALOGUE.questions for option in question.options
             if option.reason and option.weight > 0 and answers[question.id] == option.id]  # fmt: skip
    assert sum(reason in heard for reason in named) == min(len(named), 6)
    assert "/work_visa" in [row.payload for row in tester.replies[-1].quick_replies]
    assert _state(tester) == State("check_offer", phase=Phase.DONE)


async def test_signs_rest_on_facts(worker: Worker) -> None:
    """What was found is named with the publisher of its facts and the day of the check."""
    tester = await _started(worker)
    heard = await _answered(tester, WORST)
    for sign in ("trafficking", "smuggling", "fraud"):
        assert DIALOGUE.signs[sign].name["es"] in heard
    facts = load_content(ROOT / "content").facts
    publishers = {facts[fact]["publisher"] for sign in DIALOGUE.signs.values() for fact in sign.facts}
    assert any(publisher in heard for publisher in publishers)
    assert "26 de noviembre de 2026" in heard


async def test_too_few_answers_are_no_all_clear(worker: Worker) -> None:
    """Who says nothing gets no level that could be taken for one."""
    tester = await _started(worker)
    for _ in DIALOGUE.questions:
        if _state(tester).phase is Phase.DONE:
            break
        await tester.taps("No sé o no digo")
    assert "No alcanza para saber" in tester.heard


async def test_papers_taken_and_not_free_is_an_emergency(worker: Worker) -> None:
    """The card with the numbers comes at once, instead of the next question."""
    tester = await _started(worker)
    await _answered(tester, {"kind": "job", "who": "known"})
    await tester.taps(title_of("papers", "taken"))
    await tester.taps(title_of("free", "is_not"))
    assert tester.last is not None
    assert (tester.last.trace.decision, tester.last.trace.topic) == ("urgent", "trafficking_victim")
    assert tester.replies == [build_replies(Paths(ROOT)).answer("trafficking_victim", "", "es")]
    assert not tester.heard.count("Seguimos")
    assert _state(tester).answers == {}


QUESTIONS = [question.id for question in DIALOGUE.questions]


@pytest.mark.parametrize("question", QUESTIONS)
async def test_an_emergency_goes_first_in_every_question(worker: Worker, question: str) -> None:
    """Only the card, without "shall we go on?"; the dialogue has stepped aside and can be gone on with."""
    tester = await _started(worker)
    await _answered(tester, HARMLESS, until=question)
    heard = await tester.says("me quieren matar ayuda")
    assert tester.replies == [build_replies(Paths(ROOT)).answer("emergency_danger", "", "es")]
    assert "Seguimos" not in heard
    assert "dialogue_form" not in await tester.says("gracias")


@pytest.mark.parametrize("question", ["kind", "paid", "place"])
async def test_an_unrelated_question_is_answered_and_the_dialogue_goes_on(worker: Worker, question: str) -> None:
    """The answer is the one that everybody gets; then yes goes on with the same question and no ends it."""
    tester = await _started(worker)
    await _answered(tester, HARMLESS, until=question)
    before = _state(tester).answers
    await tester.says("como saco el pasaporte")
    assert tester.replies[0] == build_replies(Paths(ROOT)).answer("passport", "", "es")
    assert "¿Seguimos con" in tester.replies[1].text
    assert tester.titles == ["Sí, seguir", "No, terminar"]
    await tester.says("sí claro")
    assert _asks(tester, question)
    assert _state(tester).answers == before


async def test_no_after_an_unrelated_question_ends_it(worker: Worker) -> None:
    """It is left, with the menu and a person at hand."""
    tester = await _started(worker)
    await _answered(tester, HARMLESS, until="paid")
    await tester.says("como saco el pasaporte")
    assert "lo dejamos aquí" in await tester.taps("No, terminar")
    assert _state(tester).phase is Phase.LEFT


@pytest.mark.parametrize("word", ["menú", "menu"])
async def test_menu_shows_the_menu_and_nothing_else(worker: Worker, word: str) -> None:
    """In mid-form as anywhere; asked for again, the dialogue offers to go on or to begin anew."""
    tester = await _started(worker)
    await _answered(tester, HARMLESS, until="paid")
    await tester.says(word)
    assert tester.replies == [build_replies(Paths(ROOT)).menu("es")]
    await tester.taps_payload(START)
    assert tester.titles == ["Sí, seguir", "Empezar de nuevo", "No, terminar"]
    await tester.taps("Sí, seguir")
    assert _asks(tester, "paid")


@pytest.mark.parametrize("word", ["salir", "cancelar", "Cancelar!", "salirr", "exit", "quitter", "sair"])
async def test_leaving(worker: Worker, word: str) -> None:
    """Whatever it is called."""
    tester = await _started(worker)
    await _answered(tester, HARMLESS, until="paid")
    await tester.says(word)
    assert _state(tester).phase is Phase.LEFT


async def test_back_is_one_step_and_stops_at_the_first(worker: Worker) -> None:
    """The answer that is gone back to is asked anew."""
    tester = await _started(worker)
    await _answered(tester, HARMLESS, until="papers")
    await tester.says("atrás")
    assert _asks(tester, "who")
    await tester.taps("Atrás")
    assert _asks(tester, "kind")
    assert "primera pregunta" in await tester.says("atras")


async def test_an_old_button_changes_the_mind(worker: Worker) -> None:
    """The other answers stay, what no longer applies goes, and the next open question comes."""
    tester = await _started(worker)
    await _answered(tester, HARMLESS, until="secret")
    await tester.taps_payload('/check_offer{"answer": "kind.journey"}')
    assert "Cambié su respuesta" in tester.heard
    assert _asks(tester, "secret")
    assert "contract" not in _state(tester).answers
    assert _state(tester).answers["kind"] == "journey"


@pytest.mark.parametrize(("text", "option"), [("visa", "papers"), ("3", "papers"), ("no sé", "unsaid"), ("Otra cosa", "other")])
async def test_an_edited_message_changes_the_answer_that_it_gave(worker: Worker, text: str, option: str) -> None:
    """The question on the screen stays; a number counts among the options of the question before."""
    tester = await _started(worker)
    await tester.says("un trabajo")
    await tester.edits(text)
    assert "Cambié su respuesta" in tester.heard
    assert _asks(tester, "who")
    assert _state(tester).answers == {"kind": option}


async def test_an_edit_that_is_no_answer_of_before_is_read_as_any_message(worker: Worker) -> None:
    """It may answer the question on the screen, or be a cry for help."""
    tester = await _started(worker)
    await tester.says("un trabajo")
    await tester.edits("mi primo")
    assert _state(tester).answers == {"kind": "job", "who": "known"}
    await tester.edits("me quieren matar ayuda")
    assert tester.replies == [build_replies(Paths(ROOT)).answer("emergency_danger", "", "es")]


async def test_a_finished_check_leaves_no_answer_in_the_memory(worker: Worker) -> None:
    """Neither in its last place nor in the turns before, where an unrelated question had come in between."""
    tester = await _started(worker)
    await _answered(tester, HARMLESS, until="secret")
    await tester.says("como saco el pasaporte")
    await tester.says("sí")
    for question in ("secret", "route", "place"):
        await tester.taps(title_of(question, HARMLESS[question]))
    assert _state(tester).phase is Phase.DONE
    memory = str(tester.events)
    assert not any(f"{question}.{option}" in memory or f'"{question}"' in memory for question, option in HARMLESS.items())


async def test_a_button_pressed_twice_counts_once(worker: Worker) -> None:
    """The second press shows the same question again."""
    tester = await _started(worker)
    await tester.taps(title_of("kind", "job"))
    first = tester.heard
    await tester.taps_payload('/check_offer{"answer": "kind.job"}')
    assert tester.heard == first
    assert _state(tester).answers == {"kind": "job"}


async def test_a_button_of_a_finished_check_says_so(worker: Worker) -> None:
    """Also when the memory of it is gone; one tap begins anew."""
    for tester in (await _started(worker), DialogueTester(worker)):
        if tester.state:
            await _answered(tester, HARMLESS)
        assert "ya terminó" in await tester.taps_payload('/check_offer{"answer": "who.known"}')
        await tester.taps("Empezar de nuevo")
        assert _asks(tester, "kind")


@pytest.mark.parametrize(
    ("kind", "media"),
    [(InboundKind.MEDIA, "audio"), (InboundKind.MEDIA, "image"), (InboundKind.MEDIA, "sticker"), (InboundKind.LOCATION, ""), (InboundKind.UNSUPPORTED, "")],
    ids=["voice", "photo", "sticker", "location", "unknown"],
)  # fmt: skip
async def test_what_is_no_text_is_asked_again_once_then_the_ways_out(worker: Worker, kind: InboundKind, media: str) -> None:
    """In other words, then menu, person or end, and never a third time the same."""
    tester = await _started(worker)
    await tester.taps(title_of("kind", "job"))
    question = DIALOGUE.question("who")
    assert question is not None
    assert question.again["es"] in await tester.sends(kind, media)
    assert question.ask["es"] not in tester.heard
    await tester.sends(kind, media)
    assert tester.titles == ["Sí, seguir", "Hablar con alguien", "Menú", "No, terminar"]
    await tester.taps("Sí, seguir")
    assert _asks(tester, "who")


@pytest.mark.parametrize("text", ["xyzzy plugh", "77", "1 y 2", "las dos", "coyote y agencia", "asdf", "🤷", "no es una agencia"])
async def test_what_is_not_understood_is_asked_again_once(worker: Worker, text: str) -> None:
    """Nonsense, a number that is not offered, two options at once, and a denial: nothing is guessed."""
    tester = await _started(worker)
    await tester.taps(title_of("kind", "job"))
    question = DIALOGUE.question("who")
    assert question is not None
    await tester.says(text)
    assert question.again["es"] in tester.heard
    assert _state(tester).answers == {"kind": "job"}
    assert tester.last is not None
    assert tester.last.question is None
    await tester.says(text)
    assert _state(tester).phase is Phase.STUCK


@pytest.mark.parametrize(
    ("text", "option"),
    [("2", "agency"), ("2.", "agency"), ("la dos", "agency"), ("Agencia o empresa", "agency"), ("AJENCIA", "agency"), ("mi primo", "known"),
     ("por facebok", "online"), ("un coyote", "smuggler"), ("no sé", "unsaid"), ("nose", "unsaid"), ("prefiero no decirlo", "unsaid"),
     ("no quiero responder", "unsaid"), ("I don't know", "unsaid"), ("family", "known")],
)  # fmt: skip
async def test_typed_answers(worker: Worker, text: str, option: str) -> None:
    """Numbers, titles with slips, other words for them, another language, and the right to say nothing."""
    tester = await _started(worker)
    await tester.taps(title_of("kind", "job"))
    await tester.says(text)
    assert _state(tester).answers == {"kind": "job", "who": option}


@pytest.mark.parametrize(
    ("text", "option"),
    [("si", "is_so"), ("sí claro", "is_so"), ("no", "is_not"), ("no tengo contrato", "is_not"), ("nop", "is_not")],
)
async def test_yes_and_no(worker: Worker, text: str, option: str) -> None:
    """However they are said."""
    tester = await _started(worker)
    await _answered(tester, HARMLESS, until="contract")
    await tester.says(text)
    assert _state(tester).answers["contract"] == option


async def test_after_a_day_it_asks_whether_to_go_on(worker: Worker) -> None:
    """A new session of the engine has begun; the answers are still there, or go when they are no longer wanted."""
    for title, question in (("Sí, seguir", "paid"), ("Empezar de nuevo", "kind")):
        tester = await _started(worker)
        await _answered(tester, HARMLESS, until="paid")
        tester.sleeps(hours=30)
        await tester.says("hola")
        assert "quedó a medias" in tester.heard
        await tester.taps(title)
        assert _asks(tester, question)


async def test_after_a_week_it_is_forgotten(worker: Worker) -> None:
    """Nobody is reminded of an offer of long ago."""
    tester = await _started(worker)
    await _answered(tester, HARMLESS, until="paid")
    tester.sleeps(hours=24 * 8)
    assert "a medias" not in await tester.says("hola")
    await tester.taps_payload(START)
    assert _asks(tester, "kind")


async def test_the_memory_stays_small_and_holds_no_word(worker: Worker) -> None:
    """However often somebody goes to and fro; only ids are kept, and of a finished check not even these."""
    tester = await _started(worker)
    sizes = []
    for _ in range(8):
        await tester.says("ajencia de mi primo juan")
        await tester.says("mi primo juan")
        await tester.says("atras")
        sizes.append(len(tester.events))
    assert sizes[-1] <= sizes[1]
    assert "juan" not in str(tester.events)


@pytest.mark.parametrize("channel", sorted(CHANNELS))
@pytest.mark.parametrize("locale", LOCALES)
async def test_every_question_is_shown_whole(worker: Worker, channel: str, locale: str) -> None:
    """As buttons or a list where the channel has them: no title cut, no two alike, no second page."""
    limits: Any = importlib.import_module(f"{CHANNELS[channel][0]}.limits").LIMITS
    tester = await _started(worker, locale, channel)
    for question in DIALOGUE.questions:
        (reply,) = tester.replies
        most = limits.list_title if limits.list_rows and len(reply.quick_replies) > limits.buttons else limits.button_title
        assert all(len(row.title) <= most for row in reply.quick_replies)
        assert len({row.title for row in reply.quick_replies}) == len(reply.quick_replies)
        assert len(fit_choices(reply, limits, worker.parts.texts, locale).quick_replies) == len(reply.quick_replies)
        assert len(reply.text) <= limits.text_with_choices
        await tester.taps(title_of(question.id, HARMLESS[question.id], locale))
    assert all(len(reply.text) <= (limits.text_with_choices if reply.quick_replies else limits.text) for reply in tester.replies)


@pytest.fixture(scope="module")
def staffed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Worker, Path]:
    """A worker on a content folder of its own, with the same model."""
    root = tmp_path_factory.mktemp("staff")
    shutil.copytree(ROOT / "content", root / "content")
    shutil.copytree(ROOT / "locales", root / "locales")
    shutil.copytree(ROOT / "intents" / "vocabulary", root / "intents" / "vocabulary")
    replies, model = build_replies(Paths(root)), newest_model(ROOT / "models")
    assert model is not None
    from bot.conversations.dialogues.desk import DialogueDesk

    engine = Engine(model, replies, DialogueDesk.open(root, replies))
    return Worker(
        replace(shared_worker().parts, engine=engine, replies=replies)
    ), root / "content" / "dialogues" / "check_offer.yml"


def _edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert after != before
    path.write_text(after, encoding="utf-8")
    time.sleep(RELOAD_SECONDS)


async def test_staff_change_an_option_an_outcome_and_a_weight_without_training(staffed: tuple[Worker, Path]) -> None:
    """The running engine says the new words with the next message, and counts with the new weight."""
    worker, path = staffed
    tester = await _started(worker)
    _edit(path, lambda text: text.replace('es: "Agencia o empresa"', 'es: "Oficina de viajes"'))
    await tester.taps(title_of("kind", "job"))
    assert "Oficina de viajes" in tester.titles
    _edit(path, lambda text: text.replace("🟠 Alerta", "🟠 Mucho cuidado", 1))
    _edit(path, lambda text: text.replace("        weight: 1\n", "        weight: 4\n", 1))
    await tester.taps("Oficina de viajes")
    for question in DIALOGUE.questions[2:]:
        await tester.taps(title_of(question.id, HARMLESS[question.id]))
    assert "Mucho cuidado" in tester.heard


async def test_an_option_that_goes_while_somebody_is_asked_is_asked_again(staffed: tuple[Worker, Path]) -> None:
    """A button that leads nowhere any more is no fault: the question comes again as it is now."""
    worker, path = staffed
    tester = await _started(worker)
    await tester.taps(title_of("kind", "job"))
    _edit(path, lambda text: text.replace("- id: smuggler", "- id: coyote"))
    await tester.taps_payload('/check_offer{"answer": "who.smuggler"}')
    assert _state(tester).answers == {"kind": "job"}
    assert tester.titles


async def test_a_file_that_cannot_be_read_leaves_the_last_good_one(staffed: tuple[Worker, Path]) -> None:
    """Half a save never ends somebody's dialogue."""
    worker, path = staffed
    good = path.read_text(encoding="utf-8")
    tester = await _started(worker)
    _edit(path, lambda text: text[: len(text) // 2] + "\n  : : [")
    await tester.taps(title_of("kind", "job"))
    assert tester.titles
    path.write_text(good, encoding="utf-8")
