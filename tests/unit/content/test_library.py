from __future__ import annotations

from datetime import date

import pytest

from bot.content.library import RELOAD_SECONDS, ContentLibrary
from tests.support.content_builder import ContentBuilder
from tests.support.waiting import became

IN_TIME = date(2026, 12, 1)
VISA = "pathways/visit_visa/topic.yml"
ES = "pathways/visit_visa/es.md"


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class LibraryTester:
    """A library over a built folder, with its own clock."""

    def __init__(self, content: ContentBuilder, today: date = IN_TIME) -> None:
        self._clock = Clock()
        self.library = ContentLibrary(content.folder, today=lambda: today, clock=self._clock)

    def pass_second(self) -> None:
        self._clock.seconds += RELOAD_SECONDS

    def lead(self, topic: str = "visit_visa", destination: str = "", locale: str = "es") -> str:
        found = self.library.find(topic, destination, locale)
        return found.answer.lead if found else ""


@pytest.fixture
def tester(content: ContentBuilder) -> LibraryTester:
    """A library that has read the good folder."""
    return LibraryTester(content)


@pytest.mark.parametrize(
    ("destination", "locale", "expected"),
    [
        pytest.param("us", "en", ("us", "en", True, False), id="exact"),
        pytest.param("us", "fr", ("us", "es", False, False), id="spanish of the destination"),
        pytest.param("es", "en", ("", "en", True, True), id="general in the language"),
        pytest.param("es", "pt", ("", "es", False, True), id="general in spanish"),
        pytest.param("", "es", ("", "es", True, False), id="no destination asked"),
    ],
)
def test_find_falls_back_when_there_is_no_exact_answer(
    tester: LibraryTester, destination: str, locale: str, expected: tuple[str, str, bool, bool]
) -> None:
    """The destination matters more than the language; both fallbacks are said."""
    found = tester.library.find("visit_visa", destination, locale)

    assert found is not None
    assert (found.answer.destination, found.answer.locale, found.is_translated, found.is_general) == expected


def test_find_takes_the_provenance_of_the_destination_when_it_answers_for_one(tester: LibraryTester) -> None:
    """The source shown is that of the block the answer belongs to."""
    general, special = tester.library.find("visit_visa", "", "es"), tester.library.find("visit_visa", "us", "es")

    assert general is not None and special is not None
    assert [general.provenance.facts, special.provenance.facts] == [("LP-001", "LP-003"), ("LP-002",)]


def test_find_says_general_only_when_the_topic_knows_destinations(tester: LibraryTester) -> None:
    """A topic that is the same everywhere is not called general because a country was named."""
    found = tester.library.find("emergency_danger", "us", "fr")

    assert found is not None
    assert (found.is_general, found.is_translated) == (False, True)


def test_find_returns_none_when_the_topic_has_no_answer(tester: LibraryTester) -> None:
    """Neither a system topic nor an unknown one has content."""
    assert tester.library.find("greet", "", "es") is None
    assert tester.library.find("no_such_topic", "", "es") is None


def test_find_hides_an_answer_when_its_destination_has_no_block(content: ContentBuilder) -> None:
    """Without a block there is no source to show, so the general answer is given."""
    content.answer("pathways/visit_visa", "es.es", "La visa de España", "Visa España", "Pida la visa.\n")

    found = LibraryTester(content).library.find("visit_visa", "es", "es")

    assert found is not None
    assert (found.answer.destination, found.is_general) == ("", True)


@pytest.mark.parametrize(
    ("topic", "today", "is_past", "is_withheld"),
    [
        pytest.param("visit_visa", date(2027, 1, 20), False, False, id="critical on its last day"),
        pytest.param("visit_visa", date(2027, 1, 21), True, True, id="critical past review"),
        pytest.param("emergency_danger", date(2027, 2, 22), True, False, id="careful past review"),
    ],
)
def test_find_withholds_when_critical_and_past_review(
    content: ContentBuilder, topic: str, today: date, is_past: bool, is_withheld: bool
) -> None:
    """Only a critical answer is kept back once its date has passed; others say that they are old."""
    found = LibraryTester(content, today).library.find(topic, "", "es")

    assert found is not None
    assert (found.is_past_review, found.is_withheld) == (is_past, is_withheld)


def test_menu_title_is_empty_when_there_is_no_answer(tester: LibraryTester) -> None:
    """A menu can leave out what has no answer."""
    assert tester.library.menu_title("visit_visa", "en") == "The visa, W"
    assert tester.library.menu_title("visit_visa", "pt") == "La visa, W"
    assert tester.library.menu_title("greet", "es") == ""


def test_emergency_numbers_leave_out_what_is_not_reliable(tester: LibraryTester) -> None:
    """Numbers of low confidence, or known to be contradicted, are never given."""
    numbers = tester.library.emergency_numbers(("child", "general"), "ec")

    assert [number.number for number in numbers] == ["911"]
    assert tester.library.emergency_numbers(("general",), "mx") == []


def test_emergency_numbers_are_given_once_when_services_share_one(content: ContentBuilder) -> None:
    """Services come in the order asked for, and the same number is not repeated."""
    content.edit("facts/numbers.yml", "number: '1546'", "number: '911'")
    content.edit(
        "facts/numbers.yml",
        "example.org/old\n  page_date: null\n  confidence: low",
        "example.org/old\n  page_date: null\n  confidence: high",
    )

    numbers = LibraryTester(content).library.emergency_numbers(("child", "general"), "ec")

    assert [(number.id, number.number) for number in numbers] == [("EN-070", "911")]


def test_find_sees_an_edit_when_a_second_has_passed(content: ContentBuilder, tester: LibraryTester) -> None:
    """A changed text is live a second later, and the folder is not read more often than that."""
    content.edit(ES, "Para ir de visita", "Antes de viajar")

    before = tester.lead()
    tester.pass_second()

    assert before.startswith("Para ir")
    assert tester.lead().startswith("Antes de viajar")


def test_find_sees_an_edit_within_a_second_when_time_is_real(content: ContentBuilder) -> None:
    """With the machine's own clock an edit is live within a second and a little."""
    library = ContentLibrary(content.folder, today=lambda: IN_TIME)
    content.edit(ES, "Para ir de visita", "Antes de viajar")

    def is_seen() -> bool:
        found = library.find("visit_visa", "", "es")
        return found is not None and found.answer.lead.startswith("Antes de viajar")

    assert not is_seen() or RELOAD_SECONDS == 0
    assert became(is_seen, RELOAD_SECONDS + 0.5)


def test_find_sees_new_and_deleted_files_when_a_second_has_passed(content: ContentBuilder, tester: LibraryTester) -> None:
    """A translation that is added is used, one that is deleted is gone."""
    content.answer("pathways/visit_visa", "fr", "Le visa", "Le visa", "Demandez le visa.\n")
    content.delete("pathways/visit_visa/en.md")
    tester.pass_second()

    assert tester.lead(locale="fr") == "Demandez le visa."
    assert tester.lead(locale="en").startswith("Para ir")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        pytest.param(ES, "---\ntitle: [\n---\nRoto.\n", id="answer"),
        pytest.param(ES, "", id="empty answer"),
        pytest.param(VISA, "id: visit_visa\nowner: [", id="topic"),
        pytest.param(VISA, "id: visit_visa\n", id="topic with keys missing"),
        pytest.param("topics.yml", "families: [", id="catalogue"),
        pytest.param("schema.json", "{", id="schema"),
    ],
)
def test_find_keeps_the_last_good_state_when_a_file_breaks(
    content: ContentBuilder, tester: LibraryTester, file: str, text: str
) -> None:
    """A slip in the middle of an edit silences nothing, and the mended file is live again."""
    good = content.path(file).read_text(encoding="utf-8")
    content.write(file, text)
    tester.pass_second()
    while_broken = tester.lead()

    content.write(file, good)
    content.edit(ES, "Para ir de visita", "Antes de viajar")
    tester.pass_second()

    assert while_broken.startswith("Para ir de visita")
    assert tester.lead().startswith("Antes de viajar")


def test_find_shows_other_edits_when_one_file_is_broken(content: ContentBuilder, tester: LibraryTester) -> None:
    """A broken file holds back only itself, and is still held when a later edit reads the folder again."""
    content.write(ES, "")
    tester.pass_second()
    tester.lead()
    content.edit("pathways/work_visa/es.md", "Para ir de visita", "Para ir a trabajar")
    tester.pass_second()

    assert tester.lead("work_visa").startswith("Para ir a trabajar")
    assert tester.lead("visit_visa").startswith("Para ir de visita")


def test_facts_and_help_points_stay_when_their_files_break(content: ContentBuilder, tester: LibraryTester) -> None:
    """A slip in a fact file takes no emergency number away, and one in a help point does not close it."""
    content.write("facts/numbers.yml", "- id: [")
    content.write("help-points/casa-abierta.yml", "name: [")
    tester.pass_second()

    assert [number.number for number in tester.library.emergency_numbers(("general",), "ec")] == ["911"]
    assert "SP-001" in tester.library.loaded.facts
    assert "casa-abierta" in tester.library.loaded.help_points
