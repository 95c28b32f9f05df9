"""What a worker does with each kind of message and choice; only the engine is a fake."""

from __future__ import annotations

import pytest

from bot.conversations.commands import Command
from bot.conversations.paging import MORE
from bot.i18n import LOCALES
from bot.messages import InboundKind, Location, OutboundMessage, QuickReply
from tests.support.desk import LIMITS, TEXTS, Desk, desk

__all__ = ["desk"]

KINDS: list[tuple[InboundKind, dict[str, object], str]] = [
    (InboundKind.TEXT, {"text": "una pregunta"}, ""),
    (InboundKind.START, {"text": ""}, ""),
    (InboundKind.QUICK_REPLY, {"text": "", "quick_reply": "command:menu"}, ""),
    (InboundKind.LOCATION, {"text": "", "location": Location(-0.1, -78.4)}, "reply.location_received"),
    (InboundKind.MEDIA, {"text": "", "media_kind": "audio"}, "reply.voice_not_heard"),
    (InboundKind.EDITED, {"text": "una corrección"}, ""),
    (InboundKind.GROUP, {"text": ""}, "reply.group_private_only"),
    (InboundKind.UNSUPPORTED, {"text": ""}, "reply.unsupported"),
]


def test_the_table_of_kinds_is_whole(empty_database: object) -> None:
    """A new kind of message needs a line in the table of these tests."""
    assert {kind for kind, _, _ in KINDS} == set(InboundKind)


@pytest.mark.parametrize(("kind", "fields", "key"), KINDS, ids=[kind.value for kind, _, _ in KINDS])
async def test_every_kind_gets_a_reply_when_it_comes(desk: Desk, kind: InboundKind, fields: dict[str, object], key: str) -> None:
    """Whatever is sent is answered once, in the contact's language, by the engine or by a fixed sentence."""
    for locale in LOCALES:
        given: dict[str, object] = {"kind": kind, "locale_hint": locale, "address": locale, **fields}
        (reply,) = await desk.gets(**given)  # type: ignore[arg-type]
        assert reply.text == (TEXTS.text(locale, key) if key else "la respuesta")
    assert {row.state for row in desk.inbound()} == {"done"}
    assert len(desk.engine.asked) == (0 if key else len(LOCALES))


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        pytest.param({"kind": InboundKind.MEDIA, "media_kind": "image"}, "reply.media_not_seen", id="picture"),
        pytest.param({"kind": InboundKind.MEDIA, "media_kind": "sticker"}, "reply.media_not_seen", id="sticker"),
        pytest.param({"kind": InboundKind.TEXT}, "reply.unsupported", id="empty text"),
        pytest.param({"kind": InboundKind.EDITED}, "reply.unsupported", id="emptied by an edit"),
        pytest.param({"kind": InboundKind.QUICK_REPLY, "quick_reply": "gone"}, "reply.choice_expired", id="expired button"),
    ],
)
async def test_what_says_nothing_gets_its_own_sentence(desk: Desk, fields: dict[str, object], key: str) -> None:
    """A picture, an emptied message, an old button: the person is told what to do, and the engine is left alone."""
    (reply,) = await desk.gets("  ", **fields) if fields["kind"] is InboundKind.TEXT else await desk.gets("", **fields)
    assert reply.text == TEXTS.text("es", key)
    assert [choice.payload for choice in reply.quick_replies] == ["/menu", "/talk_to_person"]
    assert desk.engine.asked == []


async def test_a_caption_is_read_when_it_comes_with_a_picture(desk: Desk) -> None:
    """What is written under a picture is a question like any other."""
    await desk.gets("cómo saco la cédula", kind=InboundKind.MEDIA, media_kind="image")
    assert desk.engine.asked == [("cómo saco la cédula", None)]


async def test_start_is_a_greeting_when_a_conversation_opens(desk: Desk) -> None:
    """Opening the chat asks the engine for its greeting, whatever text comes with it."""
    await desk.gets("", kind=InboundKind.START)
    assert desk.engine.asked == [("", Command("greet"))]


async def test_a_group_is_told_once_and_without_choices(desk: Desk) -> None:
    """The second message of a group gets silence, and nobody in it can tap a private choice."""
    (told,) = await desk.gets("hola a todos", kind=InboundKind.GROUP)
    assert told.quick_replies == ()
    assert await desk.gets("hola otra vez", kind=InboundKind.GROUP) == []
    assert [row.state for row in desk.inbound()] == ["done", "done"]


TYPED_COMMANDS = [
    "/restart",
    "/greet",
    '/restart{"a": 1}',
    " /session_start",
    "//menu",
    '\n/change_language{"locale": "fr"}',
    "more:[]",
    "command:menu",
]


@pytest.mark.parametrize("typed", TYPED_COMMANDS)
async def test_a_typed_command_reaches_the_engine_as_text(desk: Desk, typed: str) -> None:
    """Only our own buttons are commands: what is typed is a question, however it looks."""
    await desk.gets(typed)
    assert desk.engine.asked == [(typed, None)]


@pytest.mark.parametrize("forged", ["/restart", '/change_language{"locale": "fr"}', "more:[]", 'more:[{"title": "x"}]'])
async def test_a_forged_button_means_nothing(desk: Desk, forged: str) -> None:
    """A token that is not one of ours never becomes a command, even when it is spelt like a payload."""
    (reply,) = await desk.gets("", kind=InboundKind.QUICK_REPLY, quick_reply=forged)
    assert reply.text == TEXTS.text("es", "reply.choice_expired")
    assert desk.engine.asked == []


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("command:menu", Command("menu")),
        ("command:language", Command("change_language")),
        ("command:help", Command("menu", {"family": "emergency"})),
        ("command:privacy", Command("privacy_question")),
    ],
)
async def test_a_command_of_the_channels_menu_is_understood(desk: Desk, command: str, expected: Command) -> None:
    """The four commands that every channel offers reach the engine as intents."""
    await desk.gets("", kind=InboundKind.QUICK_REPLY, quick_reply=command)
    assert desk.engine.asked == [("", expected)]


OFFERED = OutboundMessage(
    "elija", (QuickReply("Sacar la cédula", "/id_card"), QuickReply("Emergencia", '/menu{"family": "emergency"}'))
)


@pytest.mark.parametrize("typed", ["2", "2.", "la dos", "la segunda", " (2) "])
async def test_a_typed_number_is_the_choice_that_was_offered(desk: Desk, typed: str) -> None:
    """Who types a number or its name means that choice."""
    desk.engine.replies = (OFFERED,)
    await desk.gets("menú")
    await desk.gets(typed)
    assert desk.engine.asked[-1][1] == Command("menu", {"family": "emergency"})


async def test_a_typed_title_is_the_choice_that_was_offered(desk: Desk) -> None:
    """Accents and capitals do not matter."""
    desk.engine.replies = (OFFERED,)
    await desk.gets("menú")
    await desk.gets("SACAR LA CEDULA")
    assert desk.engine.asked[-1][1] == Command("id_card")


async def test_a_number_is_text_when_nothing_or_less_was_offered(desk: Desk) -> None:
    """A number that names no choice is left to the engine."""
    await desk.gets("2")
    desk.engine.replies = (OFFERED,)
    await desk.gets("menú")
    await desk.gets("7")
    assert [asked for asked in desk.engine.asked if asked[0] in ("2", "7")] == [("2", None), ("7", None)]


async def test_a_tapped_choice_wins_over_what_its_title_says(desk: Desk) -> None:
    """WhatsApp sends the title with the tap: "Emergency" in the menu opens that menu and is no cry for help."""
    desk.engine.replies = (OFFERED,)
    (menu,) = await desk.gets("menú")
    await desk.gets("Emergencia", kind=InboundKind.QUICK_REPLY, quick_reply=menu.quick_replies[1].token)
    assert desk.engine.asked[-1][1] == Command("menu", {"family": "emergency"})


async def test_an_expired_button_is_read_by_its_title_when_there_is_one(desk: Desk) -> None:
    """Where the channel sends the title too, an old tap is a question."""
    desk.engine.replies = (OFFERED,)
    (menu,) = await desk.gets("menú")
    desk.system.clock.turn(days=8)
    await desk.gets("Sacar la cédula", kind=InboundKind.QUICK_REPLY, quick_reply=menu.quick_replies[0].token)
    assert desk.engine.asked[-1] == ("Sacar la cédula", None)


async def test_an_expired_button_is_told_so_when_it_has_no_title(desk: Desk) -> None:
    """A week later the choice has no meaning any more, and the person is asked to choose again."""
    desk.engine.replies = (OFFERED,)
    (menu,) = await desk.gets("menú")
    desk.system.clock.turn(days=8)
    (reply,) = await desk.gets("", kind=InboundKind.QUICK_REPLY, quick_reply=menu.quick_replies[0].token)
    assert reply.text == TEXTS.text("es", "reply.choice_expired")


@pytest.mark.parametrize("by", ["tap", "tap with title", "number", "title"])
async def test_more_shows_every_choice_in_the_end(desk: Desk, by: str) -> None:
    """Ten choices on a channel that shows four: the last row leads on, until all were offered once and in order."""
    desk.engine.replies = (OutboundMessage("elija", tuple(QuickReply(f"Tema {i}", f"/topic_{i}") for i in range(10))),)
    (page,) = await desk.gets("menú")
    seen: list[str] = []
    for _ in range(5):
        assert len(page.quick_replies) <= LIMITS.buttons
        seen += [choice.payload for choice in page.quick_replies if not choice.payload.startswith(MORE)]
        last = page.quick_replies[-1]
        if not last.payload.startswith(MORE):
            break
        assert last.title == TEXTS.text("es", "choices.more")
        typed = {"tap": "", "tap with title": last.title, "number": str(LIMITS.buttons), "title": last.title}[by]
        kind = InboundKind.QUICK_REPLY if by.startswith("tap") else InboundKind.TEXT
        (page,) = await desk.gets(typed, kind=kind, quick_reply=last.token if by.startswith("tap") else "")
    assert seen == [f"/topic_{i}" for i in range(10)]
    assert len(desk.engine.asked) == 1


async def test_an_urgent_phrase_skips_the_classifier(desk: Desk) -> None:
    """A recognised emergency goes to its topic as a command, masked, whatever was offered."""
    desk.engine.replies = (OFFERED,)
    await desk.gets("menú")
    await desk.gets("mi hermana esta desaparecida, su telefono es 0991234567")
    text, command = desk.engine.asked[-1]
    assert text == "mi hermana esta desaparecida, su telefono es [teléfono]"
    assert command is not None
    assert command.intent == "missing_person"


async def test_a_long_text_is_answered_with_a_notice(desk: Desk) -> None:
    """Who wrote more than we read is told so before the answer."""
    replies = await desk.gets("mucho texto", is_shortened=True)
    assert [reply.text for reply in replies] == [TEXTS.text("es", "reply.text_shortened"), "la respuesta"]


async def test_personal_numbers_are_masked_before_engine_and_storage(desk: Desk) -> None:
    """Neither the engine nor the kept text has the number; the encrypted original is gone after the answer."""
    await desk.gets("mi cédula es 1710034065")
    assert desk.engine.asked == [("mi cédula es [cédula]", None)]
    (row,) = desk.inbound()
    assert (row.text, row.body_encrypted) == ("mi cédula es [cédula]", None)


async def test_the_list_is_titled_in_the_readers_language(desk: Desk) -> None:
    """The word on the button that opens a list comes from the catalogue."""
    desk.engine.replies = (OFFERED,)
    (reply,) = await desk.gets("menu", locale_hint="pt-BR")
    assert reply.list_title == TEXTS.text("pt", "choices.list_title")


async def test_a_message_of_a_disabled_channel_is_answered_all_the_same(desk: Desk) -> None:
    """A channel that was switched off with messages waiting must not stop the worker for everyone else."""
    (reply,) = await desk.gets("hola", channel="signal")
    assert reply.text == "la respuesta"
