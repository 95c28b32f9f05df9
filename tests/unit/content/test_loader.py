from __future__ import annotations

from datetime import date

import pytest

from bot.content.loader import load_content, text_hash
from bot.content.model import Kind, Source
from bot.errors import ContentError
from tests.support.content_builder import ContentBuilder

VISA = "pathways/visit_visa/topic.yml"
ES = "pathways/visit_visa/es.md"


def reported(content: ContentBuilder) -> list[tuple[str, int, str]]:
    problems = load_content(content.folder).problems
    return [(str(problem.path.relative_to(content.folder)), problem.line, problem.code) for problem in problems]


def test_load_content_reads_topics_and_catalogue_when_all_is_well(content: ContentBuilder) -> None:
    """Topics come with their family, provenance, destinations and links, the catalogue with its kinds."""
    loaded = load_content(content.folder)

    topic = loaded.topics["visit_visa"]
    assert loaded.problems == ()
    assert (topic.family, topic.sensitivity, topic.related, topic.is_urgent) == ("pathways", "critical", ("work_visa",), False)
    assert topic.provenance.facts == ("LP-001", "LP-003")
    assert topic.provenance.sources == (Source("Visas", "Office", "https://www.visas.example.org/costs", "2024-12"),)
    assert topic.provenance.review_by == date(2027, 1, 20)
    assert topic.destinations["us"].sources[0].date == ""
    assert sorted(topic.answers) == [("", "en"), ("", "es"), ("us", "en"), ("us", "es")]
    assert loaded.topics["emergency_danger"].is_urgent
    assert loaded.catalogue["greet"].kind is Kind.SYSTEM


def test_load_content_splits_lead_and_sections_when_an_answer_has_both(content: ContentBuilder) -> None:
    """The lead ends at the first section; sections stand in their fixed order, whatever the file's."""
    content.edit(ES, "## cost", "## rights\n- Puede pedirla.\n\n## cost")

    answer = load_content(content.folder).topics["visit_visa"].answers["", "es"]

    assert answer.lead == "Para ir de visita pida la visa. El 2 de diciembre de 2024 costaba 185 dólares. Dura diez días."
    assert list(answer.sections) == ["cost", "steps", "rights"]
    assert answer.sections["cost"] == "- La dieron a 3.091 personas."
    assert (answer.title, answer.translation_of) == ("La visa", "")


def test_load_content_reads_numbers_and_help_points_when_facts_hold_them(content: ContentBuilder) -> None:
    """Emergency numbers come from the facts, countries in lower case; help points by the name of their file."""
    loaded = load_content(content.folder)

    assert [(n.id, n.country, n.number, n.confidence) for n in loaded.emergency_numbers] == [
        ("EN-001", "ec", "911", "medium"),
        ("EN-011", "ec", "+593 2 295 5734", "low"),
        ("EN-070", "ec", "1546", "low"),
    ]
    assert loaded.help_points["casa-abierta"]["city"] == "Quito"


@pytest.mark.parametrize(
    ("file", "old", "new", "line_text", "code"),
    [
        pytest.param(VISA, "LP-001, LP-003", "LP-001, XX-1", "XX-1", "schema", id="pattern"),
        pytest.param(VISA, '"2026-11-23"', '"2026-02-30"', "2026-02-30", "schema", id="no such day"),
        pytest.param(VISA, '    review_by: "2027-01-20"\n', "", "  us:", "schema", id="missing key"),
        pytest.param(VISA, "id: visit_visa", "id: work_visa", "id:", "id_mismatch", id="id of another topic"),
        pytest.param(VISA, "owner: contenido", "owner: a: b", "owner", "yaml", id="topic yaml"),
        pytest.param(ES, 'title: "La visa"', 'title: "La visa', "menu_title", "yaml", id="answer yaml"),
        pytest.param(ES, "## cost", "## price", "## price", "section_name", id="section name"),
        pytest.param(ES, "menu_title: ", "colour: red\nmenu_title: ", "title:", "schema", id="answer key"),
        pytest.param("facts/pathways.yml", "id: LP-004", "id: LP-001", "- id: LP-001", "fact_twice", id="fact twice"),
        pytest.param("facts/numbers.yml", "  number: '911'\n", "", "- id: EN-001", "fact_incomplete", id="number missing"),
        pytest.param(
            "facts/numbers.yml", "- id: EN-001\n", "- EN-001\n- id: EN-002\n", "- EN-001", "fact_incomplete", id="no fact"
        ),
        pytest.param("help-points/casa-abierta.yml", "kind: shelter", "kind: hotel", "kind:", "schema", id="help point"),
    ],
)
def test_load_content_names_the_line_when_a_file_does_not_fit(
    content: ContentBuilder, file: str, old: str, new: str, line_text: str, code: str
) -> None:
    """A slip in a file is reported once, with its line, and raises nothing."""
    content.edit(file, old, new, is_translated=False)

    problems = reported(content)

    lines = content.path(file).read_text(encoding="utf-8").splitlines()
    assert len(problems) == 1
    found_file, line, found_code = problems[0]
    assert (found_file, found_code) == (file, code)
    assert line_text in lines[line - 1]


@pytest.mark.parametrize(
    ("file", "raw", "code"),
    [
        pytest.param(VISA, b"id: \xff\xfe", "unreadable", id="topic not utf-8"),
        pytest.param(ES, b"---\ntitle: \xff\n---\n", "unreadable", id="answer not utf-8"),
        pytest.param(VISA, b"", "schema", id="empty topic"),
        pytest.param(ES, b"", "schema", id="empty answer"),
        pytest.param("pathways/visit_visa/spanish.md", b"---\n---\n", "file_name", id="file name"),
        pytest.param("facts/more.yml", b"id: LP-009", "fact_incomplete", id="facts without list"),
        pytest.param("help-points/nowhere.yml", b"", "schema", id="empty help point"),
    ],
)
def test_load_content_reports_a_file_when_it_is_garbage(content: ContentBuilder, file: str, raw: bytes, code: str) -> None:
    """Bytes that are no text, and files with nothing in them, are problems of that file alone."""
    content.path(file).write_bytes(raw)

    assert {(name, found) for name, _line, found in reported(content)} == {(file, code)}


def test_load_content_keeps_the_rest_when_one_file_is_broken(content: ContentBuilder) -> None:
    """One broken topic leaves the others to be read."""
    content.write(VISA, "id: [")

    assert sorted(load_content(content.folder).topics) == ["emergency_danger", "work_visa"]


@pytest.mark.parametrize("text", ["families: [", "version: 1", "families: 3", "families: {risks: [{id: a}]}"])
def test_load_content_raises_when_the_catalogue_cannot_be_read(content: ContentBuilder, text: str) -> None:
    """Without a catalogue there is nothing to hold on to: the caller must know."""
    content.write("topics.yml", text)

    with pytest.raises(ContentError):
        load_content(content.folder)


def test_text_hash_ignores_blank_lines_when_they_surround_the_text() -> None:
    """Saving a file with one more line at its end is no change of its text; a letter is."""
    assert text_hash("\nPida la visa.\n\n") == text_hash("Pida la visa.")
    assert text_hash("Pida la visa.") != text_hash("Pida la visa!")
