"""Try it: the page asks a child process, one for all; whatever happens to the child, the person reads a sentence."""

from __future__ import annotations

import html
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.editor.folder import fingerprint
from bot.editor.roles import Role
from bot.editor.try_it import TryItDesk, TryItLoads, TryItRefused
from tests.support.editor import BrowserWithoutScripts, EditorWorld
from tests.support.waiting import became

STAND_IN = (sys.executable, str(Path(__file__).with_name("try_it_stand_in.py")))
PATH = "routes/passport/es.md"
FRAGMENT = {"hx-request": "true"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[EditorWorld]:
    """An editor whose engine is a stand-in."""
    made = EditorWorld(tmp_path, try_it_command=STAND_IN)
    yield made
    made.parts.try_it.stop()
    made.parts.database.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[TryItDesk]:
    """A desk over the stand-in, with little patience for answers."""
    made = TryItDesk(tmp_path, STAND_IN, load_seconds=20, answer_seconds=1.5)
    yield made
    made.stop()


def save(world: EditorWorld, path: str, text: str) -> int:
    """Save a draft; return its number."""
    on_disk = world.parts.folder.read(path)
    return world.parts.drafts.save(path, "es", text, on_disk, fingerprint(on_disk), world.person(Role.READER).id).id


def asked(browser: BrowserWithoutScripts, **fields: str) -> str:
    """Ask without scripts; return the page's text."""
    return html.unescape(browser.post("/try-it", **fields).text)


def test_page_answers_from_the_draft_in_three_channels(world: EditorWorld) -> None:
    """The draft's text goes along, the reply is shown as each channel renders it, with what was decided and how surely."""
    number = save(world, PATH, "x" * 77)
    browser = world.browser(world.person(Role.EDITOR))
    assert 'action="/try-it"' in browser.get(f"/drafts/{number}").text
    page = asked(browser, draft=str(number), text="¿cómo saco el pasaporte?")
    assert f"¿cómo saco el pasaporte? 24 [{PATH}: 77]" in page
    for channel in ("whatsapp", "telegram", "webchat"):
        assert f'class="phone {channel}"' in page
    assert "Contestó con el tema «Cómo sacar o renovar el pasaporte»" in page
    assert "Cómo sacar o renovar el pasaporte: 91 %" in page
    assert "no es del tema" not in page
    assert ">¿cómo saco el pasaporte?</textarea>" in page


def test_topic_is_tried_with_its_saved_drafts_alone(world: EditorWorld) -> None:
    """Drafts of other topics stay out; an answer of another topic is called one."""
    save(world, PATH, "x" * 77)
    browser = world.browser(world.person(Role.EDITOR))
    assert f"[{PATH}: 77]" in asked(browser, topic="passport", text="hola")
    page = asked(browser, topic="id_card", text="hola")
    assert PATH not in page
    assert "esta respuesta no es del tema «" in page


@pytest.mark.parametrize("text", ["a" * 5000, '/passport{"destination": "us"}', "<script>alert(1)</script>", "{}", "ñandú 👍"])
def test_odd_questions_are_put_as_they_are_typed(world: EditorWorld, text: str) -> None:
    """Length, commands, markup and signs go to the bot as text; what they mean is its business."""
    answer = world.browser(world.person(Role.EDITOR)).post("/try-it", topic="passport", text=text)
    assert answer.status_code == 200
    assert str(len(text)) in answer.text
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"topic": "passport", "text": "  "}, 422, "Escriba primero una pregunta."),
        ({"draft": "99", "text": "hola"}, 404, "Este borrador ya no está"),
        ({"draft": "x", "text": "hola"}, 404, "Este borrador ya no está"),
        ({"topic": "../x", "text": "hola"}, 404, "Este borrador ya no está"),
        ({"topic": "passport", "text": "error draft_unreadable"}, 200, "El borrador tiene una falla"),
        ({"topic": "passport", "text": "error KeyError"}, 200, "El bot no pudo contestar"),
        ({"topic": "passport", "text": "muere"}, 200, "La prueba se detuvo antes de contestar."),
    ],
)
def test_what_goes_wrong_is_a_sentence(world: EditorWorld, fields: dict[str, str], status: int, sentence: str) -> None:
    """Also when the child dies in the middle; the question stays in the form."""
    browser = world.browser(world.person(Role.EDITOR))
    answer = browser.post("/try-it", **fields)
    assert answer.status_code == status
    assert sentence in html.unescape(answer.text)
    assert "hola 4" in asked(browser, topic="passport", text="hola")


def test_part_of_a_page_asks_again_until_the_model_is_there(world: EditorWorld) -> None:
    """With htmx nobody waits: the part says that it loads, and sends the form again by itself."""
    (world.folder / "told").write_text("load slowly", encoding="utf-8")
    browser = world.browser(world.person(Role.EDITOR))
    fields = {"csrf": browser.csrf, "topic": "passport", "text": "hola"}
    part = browser.client.post("/try-it", data=fields, headers=FRAGMENT)
    assert "Cargando el modelo" in part.text
    assert 'hx-trigger="load delay:1s" hx-include="#try-form"' in part.text
    assert "<html" not in part.text
    (world.folder / "told").unlink()
    assert became(lambda: "hola 4" in browser.client.post("/try-it", data=fields, headers=FRAGMENT).text)


@pytest.mark.parametrize(("told", "sentence"), [("refuse no_model", "Todavía no hay un modelo"), ("die", "no pudo empezar")])
def test_child_that_cannot_start_is_a_sentence(world: EditorWorld, told: str, sentence: str) -> None:
    """No model, or killed while it loads; the next question tries again."""
    (world.folder / "told").write_text(told, encoding="utf-8")
    browser = world.browser(world.person(Role.EDITOR))
    assert sentence in asked(browser, topic="passport", text="hola")
    (world.folder / "told").unlink()
    assert "hola 4" in asked(browser, topic="passport", text="hola")


def test_two_people_share_one_child_without_our_secrets(desk: TryItDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked at once, each gets their own answer, and only one process was started; it is given no setting of ours."""
    monkeypatch.setenv("RUTA_HASH_KEY", "secret")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: desk.ask(f"pregunta {number}", {}, 20), range(8)))
    assert [answer.messages()[0].text.split()[1] for answer in answers] == [str(number) for number in range(8)]
    assert (tmp_path / "started").read_text().splitlines() == [f"{desk.process_id} []"]


def test_who_waits_too_long_for_others_is_told(desk: TryItDesk) -> None:
    """A question that hangs is given up with its process; who waited behind it is told to ask again."""
    desk.ask("hola", {}, 20)
    with ThreadPoolExecutor(2) as pool:
        codes = [_code(one) for one in [pool.submit(desk.ask, "calla", {}, 20) for _ in range(2)]]
    assert set(codes) <= {"stopped", "busy"}
    assert "stopped" in codes
    assert desk.ask("hola", {}, 20).topic == "passport"


def _code(future: object) -> str:
    with pytest.raises(TryItRefused) as refused:
        future.result()
    return refused.value.code


def test_killed_child_is_replaced(desk: TryItDesk) -> None:
    """Killed between two questions: one sentence, then all is well again."""
    desk.ask("hola", {}, 20)
    before = desk.process_id
    os.kill(before, signal.SIGKILL)
    with pytest.raises(TryItRefused) as refused:
        desk.ask("hola", {}, 20)
    assert refused.value.code == "stopped"
    assert desk.ask("hola", {}, 20).topic == "passport"
    assert desk.process_id != before


def test_child_that_ended_by_itself_is_started_again_unseen(desk: TryItDesk) -> None:
    """Idle for long, or a newer model: the question goes to a new child."""
    assert desk.ask("termina", {}, 20).topic == "passport"


def test_stop_leaves_no_process(desk: TryItDesk) -> None:
    """The child ends with the editor, also one that is still loading."""
    desk.ask("hola", {}, 20)
    process_id = desk.process_id
    desk.stop()
    assert desk.process_id == 0
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)


def test_loading_is_told_with_its_seconds(desk: TryItDesk, tmp_path: Path) -> None:
    """Who does not wait is told how long it has been loading."""
    (tmp_path / "told").write_text("load slowly", encoding="utf-8")
    with pytest.raises(TryItLoads) as loads:
        desk.ask("hola", {}, 0.05)
    assert 0 <= loads.value.seconds < 20
    (tmp_path / "told").unlink()


def test_question_is_neither_stored_nor_logged(world: EditorWorld, caplog: pytest.LogCaptureFixture) -> None:
    """Not in the database, not in a file, not in a log line, also when it fails."""
    caplog.set_level("DEBUG")
    browser = world.browser(world.person(Role.EDITOR))
    for text in ("palabrasecreta", "error codigo palabrasecreta"):
        assert browser.post("/try-it", topic="passport", text=text).status_code == 200
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("bot")]
    assert not any("palabrasecreta" in line for line in logged)
    written = [file for file in world.folder.rglob("*") if file.is_file() and b"palabrasecreta" in file.read_bytes()]
    assert written == []
