from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from bot.content.checks import check_content
from bot.content.model import Problem
from bot.messages import ChannelLimits
from tests.support.content_builder import ContentBuilder

TODAY = date(2026, 11, 30)
LIMITS = [
    ("wide", ChannelLimits(text=4096, text_with_choices=4096, buttons=100, button_title=40)),
    ("narrow", ChannelLimits(text=1600, text_with_choices=1024, buttons=3, button_title=20, list_rows=10, list_title=24)),
]
VISA = "pathways/visit_visa/topic.yml"
ES = "pathways/visit_visa/es.md"
EN = "pathways/visit_visa/en.md"
US = "pathways/visit_visa/us.es.md"
URGENT = "emergency/emergency_danger/topic.yml"
POINT = "help-points/casa-abierta.yml"


def problems_of(content: ContentBuilder, today: date = TODAY) -> list[Problem]:
    return check_content(content.folder, LIMITS, today)


def shown(problems: list[Problem], content: ContentBuilder) -> list[tuple[str, int, str, bool]]:
    return [(str(p.path.relative_to(content.folder)), p.line, p.code, p.is_warning) for p in problems]


@dataclass(frozen=True)
class Mistake:
    """An edit of the good folder and what must be said of it.

    Attributes:
        at: a text on the line that must be named.
    """

    code: str
    file: str
    old: str
    new: str
    at: str
    is_warning: bool = False


MISTAKES = {
    # The schema, as the loader reports it.
    "unknown key": Mistake("schema", VISA, "owner: contenido", "owner: contenido\ncolour: red", "id: visit_visa"),
    "wrong type": Mistake("schema", VISA, "sensitivity: critical", "sensitivity: grave", "sensitivity:"),
    "no such day": Mistake("schema", VISA, 'reviewed_on: "2026-11-23"', 'reviewed_on: "2026-11-31"', "2026-11-31"),
    "long menu title": Mistake("schema", ES, '"La visa, W"', f'"{"a" * 25}"', "menu_title"),
    "yaml": Mistake("yaml", VISA, 'title: "Visas"', 'title: "Visas', "publisher"),
    "section name": Mistake("section_name", ES, "## steps", "## pasos", "## pasos"),
    # Limits.
    "long lead": Mistake("lead_too_long", ES, "Para ir", "Vaya. " * 100 + "Para ir", "Vaya."),
    "long section": Mistake("section_too_long", ES, "- La dieron", "- Vaya. " * 114 + "La dieron", "## cost"),
    "section too long for a channel": Mistake(
        "too_long_for_channel", ES, "- La dieron", "- " + "Vaya. " * 118 + "La dieron", "## cost"
    ),
    "no lead": Mistake("lead_missing", US, "Pida la visa", "## risks\nPida la visa", "## risks"),
    "empty section": Mistake("section_empty", ES, "- La dieron a 3.091 personas.\n", "", "## cost"),
    "section order": Mistake("section_order", EN, "## cost", "## rights\n- You may ask.\n\n## cost", "## cost", is_warning=True),
    # Facts and sources.
    "unknown fact": Mistake("fact_unknown", VISA, "[LP-001, LP-003]", "[LP-001, LP-003,\n  LP-999]", "LP-999"),
    "foreign source": Mistake("source_unknown", VISA, "example.org/costs", "example.org/prices", "example.org/prices"),
    "source of another block": Mistake(
        "source_unknown", VISA, "https://news.example.com/refused", "https://www.visas.example.org/costs", "        url: "
    ),
    "unknown host to verify at": Mistake(
        "verify_unknown", VISA, '"https://visas.example.org"', '"https://visa.example.org"', "https://visa.example.org"
    ),
    # Dates.
    "reviewed in the future": Mistake(
        "date_future", VISA, 'reviewed_on: "2026-11-23"', 'reviewed_on: "2026-12-01"', "reviewed_on"
    ),
    "reviewed after the end": Mistake("date_order", VISA, 'review_by: "2027-01-20"', 'review_by: "2026-11-23"', "review_by"),
    "critical for too long": Mistake(
        "review_too_far", VISA, '    review_by: "2027-01-20"', '    review_by: "2027-01-25"', "    review_by"
    ),
    "any for too long": Mistake("review_too_far", URGENT, "2027-02-21", "2027-05-23", "review_by"),
    "past review": Mistake("past_review", URGENT, '"2027-02-21"', '"2026-11-29"', "review_by", is_warning=True),
    "critical past review": Mistake("past_review", VISA, 'review_by: "2027-01-20"', 'review_by: "2026-11-29"', "review_by"),
    # Links.
    "unknown related topic": Mistake("related_unknown", VISA, "[work_visa]", "[work_visas]", "related"),
    "unknown help point": Mistake("help_point_unknown", URGENT, "[casa-abierta]", "[casa-cerrada]", "help_points"),
    # What the text says.
    "number": Mistake("unsupported_number", ES, "3.091", "3.092", "3.092"),
    "amount": Mistake("unsupported_number", ES, "185 dólares", "185 mil dólares", "185 mil"),
    "amount in words": Mistake("unsupported_number", ES, "diez días", "doce días", "doce días"),
    "date": Mistake("unsupported_number", ES, "2 de diciembre", "3 de diciembre", "3 de diciembre"),
    "month": Mistake("unsupported_number", US, "mayo de 2025", "junio de 2025", "junio"),
    "month in another language": Mistake("unsupported_number", EN, "December 2", "November 2", "November 2"),
    "time": Mistake("unsupported_number", EN, "5 pm", "6 pm", "6 pm"),
    "telephone": Mistake("unsupported_number", EN, "299 3200", "299 3201", "3201"),
    "country code": Mistake("unsupported_number", EN, "+593", "+592", "+592"),
    "street number": Mistake("unsupported_number", ES, "Oe3-37", "Oe3-38", "Oe3-38"),
    "form of another destination": Mistake("unsupported_number", US, "Pida la visa", "Pida la visa EX-10", "EX-10"),
    "web address": Mistake("unsupported_number", ES, "visas.example.org/en", "visas.example.net", "example.net"),
    "address behind a link": Mistake(
        "unsupported_number", ES, "en visas.example.org/en", "[aquí](https://visa.example.org)", "[aquí]"
    ),
    "mailbox": Mistake("unsupported_number", ES, "3. Vaya", "3. Escriba a info@visas.example.org. Vaya", "info@"),
    "number in the title": Mistake("unsupported_number", ES, 'title: "La visa"', 'title: "La visa 2030"', "2030"),
    "no caution": Mistake("caution_missing", US, "Según la prensa, la", "La", "Pida"),
    # Marks and style.
    "mark in the menu title": Mistake("menu_title_marks", ES, '"La visa, W"', '"La *visa*"', "menu_title"),
    "heading": Mistake("markup", ES, "## cost", "### Nota\n\n## cost", "### Nota"),
    "image": Mistake("markup", ES, "3. Vaya", "3. ![mapa](mapa.png) Vaya", "![mapa]"),
    "table": Mistake("markup", ES, "3. Vaya", "| a | b |\n3. Vaya", "| a | b |"),
    "html": Mistake("markup", ES, "3. Vaya", "3. <b>Vaya</b>", "<b>"),
    "open bold": Mistake("markup", ES, "3. Vaya", "3. **Vaya", "**Vaya"),
    "hard to read": Mistake(
        "hard_to_read",
        US,
        "Pida la visa en el consulado. ",
        "La obtención de autorizaciones administrativas extraordinarias para personas extranjeras requiere, "
        "consiguientemente, documentación complementaria debidamente legalizada. \n",
        "obtención",
    ),
    "same menu title": Mistake(
        "menu_title_twice", "pathways/work_visa/es.md", '"La visa, V"', '"La visa, W"', "menu_title", is_warning=True
    ),
    # Help points.
    "help point without fact": Mistake("fact_unknown", POINT, "fact: SP-001", "fact: SP-099", "fact:"),
    "help point number": Mistake("unsupported_number", POINT, "255 1000", "255 1001", "phone"),
    "help point address": Mistake("unsupported_number", POINT, "N33-42", "N33-43", "address"),
    "surer than its fact": Mistake("surer_than_fact", POINT, "confidence: medium", "confidence: high", "confidence"),
}


def test_check_content_finds_nothing_when_the_folder_is_good(content: ContentBuilder) -> None:
    """A folder without a fault yields no problem and no warning."""
    assert problems_of(content) == []


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_check_content_names_file_line_and_code_when_there_is_one_mistake(content: ContentBuilder, mistake: Mistake) -> None:
    """One mistake yields exactly one problem, at its line, with a sentence that says what to do."""
    content.edit(mistake.file, mistake.old, mistake.new)

    problems = problems_of(content)

    assert shown(problems, content) == [
        (mistake.file, content.line_of(mistake.file, mistake.at), mistake.code, mistake.is_warning)
    ]
    assert len(problems[0].message) > 20


def test_check_content_refuses_a_rule_when_it_is_drawn_between_paragraphs(content: ContentBuilder) -> None:
    """Three dashes in the text are named at their own line, not taken for the end of the head."""
    content.edit(ES, "## cost", "---\n\n## cost")

    assert shown(problems_of(content), content) == [(ES, content.line_of(ES, "## cost") - 2, "markup", False)]


def test_check_content_names_the_second_when_a_section_stands_twice(content: ContentBuilder) -> None:
    """The loader would keep only one of two sections of a name, so the second is refused."""
    content.edit(EN, "## steps", "## steps\n- Ask.\n\n## steps")

    assert shown(problems_of(content), content) == [(EN, content.line_of(EN, "- Ask.") + 2, "section_twice", False)]


def test_check_content_warns_of_nothing_when_counters_number_a_list(content: ContentBuilder) -> None:
    """The counters of a list are no statement, however long it is."""
    content.edit(ES, "3. Vaya a la calle", "38. Vaya a la calle")

    assert problems_of(content) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("3.091", "3,091", id="comma"),
        pytest.param("3.091", "3 091", id="space"),
        pytest.param("3.091", "3\u202f091", id="narrow space"),
        pytest.param("3.091", "3091", id="nothing"),
        pytest.param("2 de diciembre de 2024", "2 décembre 2024", id="french date"),
        pytest.param("2 de diciembre de 2024", "2 de dezembro de 2024", id="portuguese date"),
        pytest.param("El 2 de diciembre de 2024", "En diciembre de 2024", id="month and year"),
        pytest.param("El 2 de diciembre de 2024", "En 2024", id="year"),
        pytest.param("+593 2 299 3200", "(2) 299-3200", id="local telephone"),
        pytest.param("17:00", "5 p. m.", id="afternoon"),
        pytest.param("visas.example.org/en", "[aquí](https://www.visas.example.org/en/)", id="link"),
        pytest.param("visas.example.org/en", "https://visas.example.org", id="front page of a known site"),
    ],
)
def test_check_content_accepts_another_spelling_when_a_fact_says_the_same(content: ContentBuilder, old: str, new: str) -> None:
    """Numbers, dates, telephones and addresses are compared by what they mean."""
    content.edit(ES, old, new)

    assert problems_of(content) == []


@pytest.mark.parametrize(
    ("fact", "number"),
    [
        pytest.param("EN-011", "+593 2 295 5734", id="known to be contradicted"),
        pytest.param("EN-070", "1546", id="short number of low confidence"),
    ],
)
def test_check_content_refuses_a_telephone_when_only_a_low_fact_has_it(content: ContentBuilder, fact: str, number: str) -> None:
    """A number that may be wrong is never sent, even with a caution."""
    content.edit(URGENT, "[EN-001]", f"[EN-001, {fact}]")
    cautions = {"es": f"Llame ya. Verifique el {number}", "en": "Check first", "fr": "Vérifiez", "pt": "Verifique"}
    for locale, caution in cautions.items():
        content.answer("emergency/emergency_danger", locale, "SOS", "SOS", f"{caution}.\n")

    name = "emergency/emergency_danger/es.md"
    assert shown(problems_of(content), content) == [(name, content.line_of(name, number), "unsafe_phone", False)]


def test_check_content_reports_drift_when_the_spanish_text_changed(content: ContentBuilder) -> None:
    """A translation of a text that has changed since is refused at the line of its hash."""
    content.edit(ES, "Vaya a la calle", "Vaya hoy a la calle", is_translated=False)

    assert shown(problems_of(content), content) == [(EN, content.line_of(EN, "source_hash"), "translation_drift", False)]


def test_check_content_reports_no_drift_when_only_a_head_changed(content: ContentBuilder) -> None:
    """A new title of the Spanish answer does not make its translation out of date."""
    content.edit(ES, 'title: "La visa"', 'title: "Pedir la visa"', is_translated=False)

    assert problems_of(content) == []


def test_check_content_refuses_a_translation_when_it_does_not_say_so(content: ContentBuilder) -> None:
    """An answer in another language without `translation_of` could never be seen to drift."""
    path = content.edit(EN, "translation_of: es\n", "")
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("source_hash")), encoding="utf-8")

    assert shown(problems_of(content), content) == [(EN, 1, "translation_unmarked", False)]


def test_check_content_refuses_a_translation_when_its_source_is_not_there(content: ContentBuilder) -> None:
    """A translation made from an English text that does not exist is named at that line."""
    content.delete("pathways/visit_visa/en.md")
    content.write(EN.replace("en.md", "fr.md"), '---\ntitle: "Le visa"\nmenu_title: "Le visa"\ntranslation_of: en\n'
                  'source_hash: "000000000000"\n---\nDemandez le visa.\n')  # fmt: skip

    assert shown(problems_of(content), content) == [
        (EN, 0, "answer_missing", False),
        (EN.replace("en.md", "fr.md"), 4, "translation_source_missing", False),
    ]


@pytest.mark.parametrize(
    ("file", "code"),
    [
        pytest.param("pathways/visit_visa/en.md", "answer_missing", id="english"),
        pytest.param("emergency/emergency_danger/fr.md", "answer_missing", id="urgent french"),
        pytest.param("emergency/emergency_danger/pt.md", "answer_missing", id="urgent portuguese"),
        pytest.param("pathways/work_visa/topic.yml", "topic_missing", id="topic"),
    ],
)
def test_check_content_names_what_is_missing_when_a_file_is_deleted(content: ContentBuilder, file: str, code: str) -> None:
    """Every topic that answers has what its readers need, and an urgent one in all four languages."""
    content.delete(file)

    assert shown(problems_of(content), content) == [(file, 0, code, False)]


def test_check_content_names_the_spanish_answer_when_it_is_missing(content: ContentBuilder) -> None:
    """Without the Spanish answer its translation has no source either."""
    content.delete(ES)

    assert shown(problems_of(content), content) == [
        (EN, content.line_of(EN, "translation_of"), "translation_source_missing", False),
        (ES, 0, "answer_missing", False),
    ]


def test_check_content_reports_only_the_schema_when_a_broken_answer_is_left_out(content: ContentBuilder) -> None:
    """A file that cannot be read is not also reported as missing."""
    content.edit(EN, 'title: "The visa"', "title: 5")

    assert shown(problems_of(content), content) == [(EN, 2, "schema", False)]


def test_check_content_reports_only_the_slip_when_the_source_of_a_translation_is_broken(content: ContentBuilder) -> None:
    """A Spanish answer that cannot be read does not make its translations drift."""
    content.edit(ES, 'title: "La visa"', 'title: "La visa', is_translated=False)

    assert [(problem.path, problem.code) for problem in problems_of(content)] == [(content.path(ES), "yaml")]


def test_check_content_refuses_a_block_when_it_has_no_file(content: ContentBuilder) -> None:
    """A destination in topic.yml without its Spanish answer is named at its block."""
    content.delete(US)
    content.delete(US.replace("es.md", "en.md"))

    assert shown(problems_of(content), content) == [(VISA, content.line_of(VISA, "  us:"), "block_without_file", False)]


def test_check_content_refuses_a_file_when_it_has_no_block(content: ContentBuilder) -> None:
    """An answer for a destination that topic.yml does not know would never be shown."""
    content.answer("pathways/visit_visa", "es.es", "La visa de España", "Visa España", "Pida la visa.\n")

    assert shown(problems_of(content), content) == [("pathways/visit_visa/es.es.md", 1, "file_without_block", False)]


def test_check_content_refuses_a_destination_when_the_catalogue_does_not_name_it(content: ContentBuilder) -> None:
    """Only the destinations of topics.yml may have blocks, in every topic."""
    content.edit("topics.yml", "[us, es]", "[es]")

    assert shown(problems_of(content), content) == [
        (f"pathways/{topic}/topic.yml", content.line_of(VISA, "  us:"), "destination_unknown", False)
        for topic in ("visit_visa", "work_visa")
    ]


def test_check_content_refuses_a_folder_when_the_catalogue_has_no_such_topic(content: ContentBuilder) -> None:
    """A folder that no topic of its family owns would silently never be read."""
    content.write("conversation/visit_visa/topic.yml", "id: visit_visa\n")

    assert shown(problems_of(content), content) == [("conversation/visit_visa/topic.yml", 1, "topic_unknown", False)]


def test_check_content_finds_a_fact_of_the_general_block_when_a_destination_uses_it(content: ContentBuilder) -> None:
    """An answer for a destination may rest on the general facts, but the general answer not on those of a destination."""
    content.edit(US, "Pida la visa", "Cuesta 185 dólares. Pida la visa")
    content.edit(ES, "Dura diez", "Negaron 40. Dura diez")

    assert shown(problems_of(content), content) == [(ES, content.line_of(ES, "40"), "unsupported_number", False)]


def test_check_content_holds_menu_titles_to_the_tightest_list_when_a_channel_is_narrower(content: ContentBuilder) -> None:
    """A channel whose rows are shorter than the schema's limit refuses longer menu titles."""
    limits = [*LIMITS, ("tiny", ChannelLimits(text=900, text_with_choices=900, buttons=3, button_title=20, list_title=14))]

    problems = check_content(content.folder, limits, TODAY)

    us, us_work = (f"pathways/{topic}/us.es.md" for topic in ("visit_visa", "work_visa"))
    assert shown(problems, content) == [(name, 3, "menu_title_too_long", False) for name in (us, us_work)]


def test_check_content_returns_one_problem_when_the_catalogue_cannot_be_read(content: ContentBuilder) -> None:
    """Without the catalogue nothing can be checked, and that is said instead of raised."""
    content.write("topics.yml", "families: [")

    assert [(p.path, p.code) for p in problems_of(content)] == [(content.folder, "content_unreadable")]
