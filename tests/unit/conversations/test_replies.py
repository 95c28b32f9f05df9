"""The composer of replies, on a tiny content folder, with the real sentences."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from bot.content.library import ContentLibrary
from bot.content.model import Kind
from bot.conversations.commands import read_command
from bot.conversations.replies import MENU_FAMILIES, Replies
from bot.i18n import LOCALES, Catalogues
from bot.messages import OutboundMessage
from bot.wiring import Paths, build_replies
from tests.support.content_builder import ContentBuilder
from tests.support.waiting import became

ROOT = Path(__file__).resolve().parents[3]
TEXTS = Catalogues(ROOT / "locales")
FRESH = date(2026, 11, 24)
STALE = date(2027, 6, 1)
EVERY_LOCALE = pytest.mark.parametrize("locale", LOCALES)


@pytest.fixture
def content(tmp_path: Path) -> ContentBuilder:
    """Return a good content folder."""
    builder = ContentBuilder(tmp_path / "content")
    builder.write("people.yml", "help_points: [casa-abierta, not-there]\n")
    return builder


def _replies(content: ContentBuilder, today: date = FRESH, clock: Callable[[], float] | None = None) -> Replies:
    library = ContentLibrary(content.folder, lambda: today, clock or (lambda: 0.0))
    return Replies(library, TEXTS, content.path("people.yml"))


def _payloads(message: OutboundMessage) -> list[str]:
    return [choice.payload for choice in message.quick_replies]


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("es", ("**La visa**", "*Fuente: Office (2024-12). Revisado el 23 de noviembre de 2026.")),
        ("en", ("**The visa**", "*Source: Office (2024-12). Checked on November 23, 2026.")),
    ],
)
def test_an_answer_has_its_source_and_date_in_the_readers_language(
    content: ContentBuilder, locale: str, words: tuple[str, ...]
) -> None:
    """Title, text, source, day of the check and where to verify stand in one message, without notices."""
    text = _replies(content).answer("visit_visa", "", locale).text
    assert text.startswith(words[0])
    assert words[1] in text
    assert "https://visas.example.org" in text


def test_an_answer_offers_its_sections_neighbours_and_the_menu(content: ContentBuilder) -> None:
    """What can be asked next is offered, in the order in which it stands in the answer."""
    assert _payloads(_replies(content).answer("visit_visa", "", "es")) == [
        '/more_detail{"topic": "visit_visa", "section": "cost"}',
        '/more_detail{"topic": "visit_visa", "section": "steps"}',
        "/work_visa",
        "/menu",
    ]


def test_a_destination_picks_its_own_answer(content: ContentBuilder) -> None:
    """The answer for the United States has its own text and source."""
    text = _replies(content).answer("visit_visa", "us", "es").text
    assert text.startswith("**La visa de Estados Unidos**")
    assert "Fuente: News." in text


@pytest.mark.parametrize(
    ("locale", "destination", "key", "values"),
    [
        ("fr", "", "notice.spanish_only", {}),
        ("es", "de", "notice.general_only", {"country": "Alemania"}),
        ("en", "de", "notice.general_only", {"country": "Germany"}),
    ],
)
def test_an_answer_says_what_it_lacks(
    content: ContentBuilder, locale: str, destination: str, key: str, values: dict[str, str]
) -> None:
    """No translation, or nothing on that country: the notice stands first, in the reader's language."""
    text = _replies(content).answer("visit_visa", destination, locale).text
    assert text.startswith(f"*{TEXTS.text(locale, key, **values)}*")
    assert "La visa" in text or "The visa" in text


def test_an_old_answer_says_that_it_is_old(content: ContentBuilder) -> None:
    """Past its review date a careful answer is given with a warning and that date."""
    text = _replies(content, STALE).answer("emergency_danger", "", "en").text
    assert text.startswith(f"*{TEXTS.text('en', 'notice.past_review', date='February 21, 2027')}*")
    assert "Call 911 now" in text


@pytest.mark.parametrize("section", ["", "cost"])
def test_an_old_critical_answer_is_withheld(content: ContentBuilder, section: str) -> None:
    """A wrong visa price can cost a savings account: the official page and a person come instead."""
    replies = _replies(content, STALE)
    message = replies.section("visit_visa", section, "", "es") if section else replies.answer("visit_visa", "", "es")
    assert "185" not in message.text
    assert "3.091" not in message.text
    assert "https://visas.example.org" in message.text
    assert _payloads(message) == ["/talk_to_person", "/menu"]


@EVERY_LOCALE
def test_an_urgent_answer_has_numbers_and_a_person(content: ContentBuilder, locale: str) -> None:
    """The telephone numbers of the named country or of Ecuador stand in the message, in every language."""
    message = _replies(content).answer("emergency_danger", "de", locale)
    country = {"es": "Ecuador", "en": "Ecuador", "fr": "Équateur", "pt": "Equador"}[locale]
    assert TEXTS.text(locale, "reply.numbers_in", country=country) in message.text
    assert "- ECU 911: **911**" in message.text
    assert "/talk_to_person" in _payloads(message)


def test_a_topic_without_an_answer_leads_to_a_person(content: ContentBuilder) -> None:
    """A file that was removed does not leave the contact with silence."""
    content.delete("pathways/work_visa/topic.yml")
    message = _replies(content).answer("work_visa", "", "es")
    assert message.text == TEXTS.text("es", "reply.no_answer_yet")
    assert "/talk_to_person" in _payloads(message)


def test_a_section_is_sent_with_its_source_and_without_itself(content: ContentBuilder) -> None:
    """The section's text comes with title and source, and offers the other sections only."""
    message = _replies(content).section("visit_visa", "cost", "", "en")
    assert "3,091 people got it." in message.text
    assert "Source: Office" in message.text
    assert "it cost 185" not in message.text
    assert not any('"cost"' in payload for payload in _payloads(message))


@pytest.mark.parametrize("name", ["rights", "no_such_section"])
def test_a_section_that_is_not_there_is_named_as_missing(content: ContentBuilder, name: str) -> None:
    """An old button never ends in nothing: what is not there is said, with the source and what there is."""
    replies = _replies(content)
    reply = replies.section("visit_visa", name, "", "es")
    assert reply.text.startswith(TEXTS.text("es", "reply.section_missing", title="La visa, W"))
    assert reply.quick_replies == replies.answer("visit_visa", "", "es").quick_replies
    assert replies.section("visit_visa", "", "", "es") == replies.answer("visit_visa", "", "es")


def test_an_edit_is_answered_within_seconds_without_a_restart(content: ContentBuilder) -> None:
    """A changed sentence, a broken save and a new topic's file are seen by the very same composer."""
    now = [0.0]
    replies = _replies(content, clock=lambda: now[0])
    assert "185 dólares" in replies.answer("visit_visa", "", "es").text
    content.edit("pathways/visit_visa/es.md", "185 dólares", "199 dólares")
    now[0] += 5
    assert "199 dólares" in replies.answer("visit_visa", "", "es").text
    content.edit("pathways/visit_visa/es.md", "---\ntitle", "---\ntitle: [\n", is_translated=False)
    now[0] += 5
    assert "199 dólares" in replies.answer("visit_visa", "", "es").text
    content.delete("pathways/work_visa/topic.yml")
    now[0] += 5
    assert replies.answer("work_visa", "", "es").text == TEXTS.text("es", "reply.no_answer_yet")


def test_an_edit_is_seen_on_the_real_clock(content: ContentBuilder) -> None:
    """With nothing but time passing, the new text is there in less than five seconds."""
    replies = Replies(ContentLibrary(content.folder, lambda: FRESH), TEXTS, content.path("people.yml"))
    content.edit("pathways/visit_visa/es.md", "185 dólares", "199 dólares")
    assert became(lambda: "199 dólares" in replies.answer("visit_visa", "", "es").text, seconds=5)


@EVERY_LOCALE
def test_did_you_mean_offers_the_topics_and_none_of_them(content: ContentBuilder, locale: str) -> None:
    """Each choice has a title in the reader's language and means its topic."""
    message = _replies(content).did_you_mean(["visit_visa", "emergency_danger"], locale)
    assert message.text == TEXTS.text(locale, "reply.did_you_mean")
    assert _payloads(message) == ["/visit_visa", "/emergency_danger", "/menu"]
    assert message.quick_replies[-1].title == TEXTS.text(locale, "choices.none")


@pytest.mark.parametrize(
    ("misses", "key", "first"),
    [
        (1, "reply.not_understood", "/menu"),
        (2, "reply.not_understood_again", "/talk_to_person"),
        (7, "reply.not_understood_again", "/talk_to_person"),
    ],
)
def test_a_person_comes_first_after_two_misses(content: ContentBuilder, misses: int, key: str, first: str) -> None:
    """One miss asks for other words; from the second one a person is offered before anything else."""
    message = _replies(content).not_understood("en", misses)
    assert message.text == TEXTS.text("en", key)
    assert _payloads(message)[0] == first


def test_people_are_real_places_with_a_warning_to_check(content: ContentBuilder) -> None:
    """Name, telephone and note of each place that exists; one that does not is passed over."""
    text = _replies(content).people("en").text
    assert "**Casa Abierta**\n+593 2 255 1000\nAv. Larga N33-42\nIn danger, call 911." in text
    assert text.endswith(TEXTS.text("en", "reply.check_first"))


def test_languages_are_named_by_themselves(content: ContentBuilder) -> None:
    """Each choice sets its locale."""
    message = _replies(content).languages("fr")
    assert [choice.title for choice in message.quick_replies] == ["español", "English", "français", "português"]
    commands = [read_command(payload) for payload in _payloads(message)]
    assert [command and command.entities for command in commands] == [{"locale": locale} for locale in LOCALES]


@pytest.fixture(scope="module")
def real() -> Replies:
    """Return the composer on the real content."""
    return build_replies(Paths(ROOT))


@EVERY_LOCALE
def test_the_menu_leads_to_every_answer_with_emergencies_first(real: Replies, locale: str) -> None:
    """Every answer and flow stands in one family of the menu, under a title of its own; so does who the bot is."""
    menu = real.menu(locale)
    assert _payloads(menu)[0] == '/menu{"family": "emergency"}'
    assert _payloads(menu)[-2:] == ["/talk_to_person", "/change_language"]
    offered: list[str] = []
    for family in MENU_FAMILIES:
        page = real.menu(locale, family)
        titles = [choice.title for choice in page.quick_replies]
        assert len(titles) == len(set(titles)), f"{family}: two choices look alike"
        offered += [payload[1:] for payload in _payloads(page)[:-1]]
    expected = [topic.id for topic in real.catalogue.values() if topic.kind is not Kind.SYSTEM]
    assert sorted(offered) == sorted([*expected, "bot_identity", "privacy_question", "complaint_staff"])
    assert "911" in real.menu(locale, "emergency").text


def test_an_unknown_family_gives_the_whole_menu(real: Replies) -> None:
    """An old or invented family is not an error."""
    assert real.menu("es", "no_such_family") == real.menu("es")


@EVERY_LOCALE
def test_every_choice_of_every_answer_means_something(real: Replies, locale: str) -> None:
    """No answer offers a choice that the engine does not know, or one without a title."""
    for topic in real.catalogue.values():
        if topic.kind is not Kind.ANSWER:
            continue
        message = real.answer(topic.id, "", locale)
        assert message.text
        assert not re.search(r"\{\w*\}", message.text), topic.id
        for choice in message.quick_replies:
            command = read_command(choice.payload)
            assert command is not None
            assert command.intent in real.catalogue
            assert choice.title.strip()
