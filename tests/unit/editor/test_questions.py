"""The page of unanswered questions: who sees what, what each button does, and how it is taken back."""

from __future__ import annotations

import errno
import html
import os
import re
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.editor.roles import Role
from bot.storage.models import UnansweredQuestion
from tests.support.editor import BrowserWithoutScripts, EditorWorld
from tests.support.questions import ask

_TESTS = Path(__file__).resolve().parents[2] / "nlu" / "test_es.yml"


def states(world: EditorWorld) -> dict[int, tuple[str, bool]]:
    """Return of each question its state and whether it carries the time of it."""
    with world.parts.database.reading() as session:
        return {row.id: (row.state, row.handled_at is not None) for row in session.scalars(select(UnansweredQuestion))}


def file_of(world: EditorWorld, name: str = "routes") -> str:
    """Return a file of Spanish examples."""
    return (world.folder / "intents" / "nlu" / "es" / f"{name}.yml").read_text(encoding="utf-8")


def handle(browser: BrowserWithoutScripts, action: str, texts: dict[int, str], skip: tuple[int, ...] = (), **fields: str):
    """Send a group's form with these sentences, all chosen but those to skip."""
    sent = {f"text_{number}": text for number, text in texts.items()}
    sent |= {f"pick_{number}": "1" for number in texts if number not in skip}
    return browser.post("/questions", action=action, row=[str(number) for number in texts], **sent, **fields)


def undo(browser: BrowserWithoutScripts, page: str = ""):
    """Press the button of the newest notice."""
    page = page or browser.get("/account").text
    return browser.post(re.findall(r'action="(/undo/\w+)"', page)[-1])


@pytest.fixture
def browser(world: EditorWorld) -> BrowserWithoutScripts:
    """An editor's browser."""
    return world.browser(world.person(Role.EDITOR))


def test_questions_are_shown_in_groups_with_guesses_and_without_people(world: EditorWorld) -> None:
    """How many people, how old, which language, what the bot took it for; nothing that leads to a person."""
    ask(world, "como saco la licencia internacional", "a", passport=0.3, id_card=0.2)
    world.clock.turn(days=3)
    ask(world, "como saco la licencia internacional", "b", passport=0.3)
    ask(world, "where can my dog fly", "b", "en", passport=0.1)
    browser = world.browser(world.person(Role.EDITOR))
    assert "personas con una pregunta" in browser.get("/").text
    assert re.search(r'class="count">2<', browser.get("/").text)
    browser.get("/questions")
    world.parts.question_groups.wait()
    page = html.unescape(browser.get("/questions").text)
    assert "Personas: 2" in page
    assert "hace 3 días" in page
    assert "Cómo sacar o renovar el pasaporte <small>30 %</small>" in page
    assert page.index("licencia internacional") < page.index("my dog")
    with world.parts.database.reading() as session:
        people = {row.person_hash for row in session.scalars(select(UnansweredQuestion))}
    assert len(people) == 2
    assert not any(person in page or "contact-" in page for person in people)
    assert "my dog" not in browser.get("/questions?locale=es").text


def test_group_becomes_examples_and_comes_back(world: EditorWorld, browser: BrowserWithoutScripts) -> None:
    """The reworded sentences stand at the topic's end; undo restores file and questions to the byte."""
    before = file_of(world)
    first, second, third = (ask(world, text) for text in ("renovar libreta viajera", "libreta viajera", "otra cosa distinta"))
    sent = {first: "cómo renuevo la libreta de viaje", second: "libreta viajera", third: "se queda"}
    answer = handle(browser, "example:passport", sent, skip=(third,))
    assert answer.status_code == 303
    assert states(world) == {first: ("example", True), second: ("example", True), third: ("open", False)}
    assert world.parts.example_store.sentences("passport", "es")[-2:] == ["cómo renuevo la libreta de viaje", "libreta viajera"]
    new = set(file_of(world).splitlines()) - set(before.splitlines())
    assert new == {"    - cómo renuevo la libreta de viaje", "    - libreta viajera"}
    newest = world.parts.audit.newest(1)[0]
    assert (newest.action, newest.target, newest.detail) == ("questions.example", "passport", "questions=2 examples=2")
    assert undo(browser).headers["location"] == "/questions"
    assert states(world) == dict.fromkeys((first, second, third), ("open", False))
    assert file_of(world) == before


@pytest.mark.parametrize(
    ("action", "leads_to"), [("ignored", "/questions"), ("new_topic", "/topics/new?title=Licencias%20y%20carros")]
)
def test_questions_are_put_aside_without_a_sentence(
    world: EditorWorld, browser: BrowserWithoutScripts, action: str, leads_to: str
) -> None:
    """Nothing is written to the files; a new topic is begun with the title that was typed, never with a person's words."""
    before, number = file_of(world), ask(world, "homologar licencia")
    answer = handle(browser, action, {number: "homologar licencia"}, title="Licencias y carros")
    assert answer.headers["location"] == leads_to
    assert states(world) == {number: (action, True)}
    page = browser.get(f"/questions?state={action}").text
    assert "homologar licencia" in page
    undo(browser, page)
    assert states(world) == {number: ("open", False)}
    assert file_of(world) == before


def test_out_of_scope_teaches_what_is_not_ours(world: EditorWorld, browser: BrowserWithoutScripts) -> None:
    """The sentence goes to the examples of `out_of_scope`; later the question can be opened again."""
    number = ask(world, "cuanto mide la torre inclinada")
    assert handle(browser, "out_of_scope", {number: "cuánto mide una torre inclinada"}).status_code == 303
    assert world.parts.example_store.sentences("out_of_scope", "es")[-1] == "cuánto mide una torre inclinada"
    assert browser.post("/questions/reopen", state="out_of_scope", ids=str(number)).status_code == 303
    assert states(world) == {number: ("open", False)}


def test_same_sentence_under_another_topic_is_refused(world: EditorWorld, browser: BrowserWithoutScripts) -> None:
    """A conflict names the other topic, keeps what was typed, and changes nothing; it can not be accepted."""
    before, number = file_of(world), ask(world, "libreta")
    known = world.parts.example_store.sentences("id_card", "es")[3]
    answer = handle(browser, "example:passport", {number: known.upper()})
    page = html.unescape(answer.text)
    assert answer.status_code == 422
    assert "Ya está en otro tema" in page
    assert known.upper() in page
    assert 'name="accept"' not in page
    assert states(world) == {number: ("open", False)}
    assert file_of(world) == before


def test_nearly_the_same_sentence_is_saved_on_the_second_try(world: EditorWorld, browser: BrowserWithoutScripts) -> None:
    """A warning names the neighbour; sending it again with the warning seen saves it."""
    number = ask(world, "libreta")
    text = f"{max(world.parts.example_store.sentences('passport', 'es'), key=len)} s"
    answer = handle(browser, "example:passport", {number: text})
    assert answer.status_code == 422
    assert "casi igual" in answer.text
    seen = re.search(r'name="accept" value="(\w+)"', answer.text)[1]
    assert handle(browser, "example:passport", {number: text}, accept="0" * 16).status_code == 422
    assert handle(browser, "example:passport", {number: text}, accept=seen).status_code == 303
    assert states(world) == {number: ("example", True)}


def test_held_out_messages_never_become_examples_and_are_not_shown(world: EditorWorld, browser: BrowserWithoutScripts) -> None:
    """Of a copy of a test message only the number is said."""
    held_out = next(line[6:].strip() for line in _TESTS.read_text(encoding="utf-8").splitlines() if 6 < len(line.split()) < 10)
    number = ask(world, "algo")
    answer = handle(browser, "example:passport", {number: f"{held_out}s"})
    page = html.unescape(answer.text)
    assert answer.status_code == 422
    assert "mensajes con los que se mide al bot: 1" in page
    assert held_out not in page.replace(f"{held_out}s", "")
    assert states(world) == {number: ("open", False)}


@pytest.mark.parametrize(
    ("asked", "sent", "said"),
    [
        ("mi ñaño se fue en marzo con la prima de Loja y no llama", "", "cámbiela con otras palabras"),
        ("llame al [teléfono]", "", "Quite los corchetes"),
        ("visa", "   ", "Escriba la frase"),
    ],
)
def test_a_persons_own_long_sentence_is_worded_anew_first(
    world: EditorWorld, browser: BrowserWithoutScripts, asked: str, sent: str, said: str
) -> None:
    """Long sentences as they came, masked numbers and empty ones are refused at their row."""
    number = ask(world, asked)
    answer = handle(browser, "example:passport", {number: sent or asked})
    assert answer.status_code == 422
    assert said in html.unescape(answer.text)
    assert states(world) == {number: ("open", False)}


def test_two_people_at_one_question(world: EditorWorld, browser: BrowserWithoutScripts) -> None:
    """The second is told; nothing is written twice."""
    first, second = ask(world, "libreta uno"), ask(world, "libreta dos")
    other = world.browser(world.person(Role.REVIEWER))
    assert handle(other, "ignored", {first: "x"}).status_code == 303
    before = file_of(world)
    answer = browser.post(
        "/questions", action="example:passport", row=f"{second},{first}", **{f"pick_{second}": "1", f"text_{second}": "libretita"}
    )
    assert answer.status_code == 409
    assert "Otra persona" in answer.text
    assert states(world)[second] == ("open", False)
    assert file_of(world) == before


def test_full_disk_leaves_the_questions_open(
    world: EditorWorld, browser: BrowserWithoutScripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File and database change together or not at all."""
    before, number = file_of(world), ask(world, "libreta")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("bot.editor.folder.write_atomically", refuse)
    answer = handle(browser, "example:passport", {number: "libretita de viaje"})
    assert answer.status_code == 507
    assert "libretita de viaje" in answer.text
    assert states(world) == {number: ("open", False)}
    assert file_of(world) == before


def test_readers_do_not_see_questions(world: EditorWorld) -> None:
    """Who cannot act on them need not read what people ask."""
    ask(world, "libreta")
    reader = world.browser(world.person(Role.READER))
    assert reader.get("/questions").status_code == 403
    assert "pregunta sin respuesta" not in reader.get("/").text
