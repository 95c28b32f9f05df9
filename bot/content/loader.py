"""Read the files of `content/` into values, and report every file that does not fit the schema with its line.

A broken file is left out and reported; the rest is still read, so that one slip of the keyboard never silences the bot.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import frontmatter
import yaml
from jsonschema import Draft7Validator, FormatChecker, RefResolver
from jsonschema.exceptions import ValidationError

from bot.content.dialogues import Dialogue, parse_dialogue
from bot.content.model import (
    SECTIONS,
    Answer,
    CatalogueTopic,
    EmergencyNumber,
    Kind,
    Problem,
    Provenance,
    Source,
    Topic,
)
from bot.errors import ContentError

_ANSWER_NAME = re.compile(r"^(?:(?P<destination>[a-z]{2})\.)?(?P<locale>[a-z]{2})\.md$")
_SECTION_HEAD = re.compile(r"^## +(.+?) *$", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*$", re.MULTILINE | re.DOTALL)
_FACT_KEYS = frozenset({"id", "confidence", "source_url"})
_NUMBER_KEYS = _FACT_KEYS | {"country", "service", "name", "number", "hours"}


class Schema:
    """The front matter schema; `errors` names the line of each offence."""

    def __init__(self, path: Path) -> None:
        self._schema = json.loads(path.read_text(encoding="utf-8"))
        self._resolver = RefResolver.from_schema(self._schema)

    def errors(self, definition: str, data: object, path: Path, raw: str, first_line: int = 1) -> list[Problem]:
        """Return what in `data` does not fit the definition.

        Args:
            raw: the YAML text that `data` was read from, to find lines in.
            first_line: the line of the file on which `raw` begins.
        """
        validator = Draft7Validator(
            self._schema["definitions"][definition], resolver=self._resolver, format_checker=FormatChecker(["date"])
        )
        return [
            Problem(path, first_line + line_at(raw, error.absolute_path), "schema", _explain(error))
            for error in validator.iter_errors(data)
        ]


def _explain(error: ValidationError) -> str:
    where = ".".join(str(part) for part in error.absolute_path) or "the file"
    return f"{where}: {error.message}; see content/README.md for what is allowed"


def line_at(raw: str, path: Iterable[str | int]) -> int:
    """Return the line, counted from 0, on which a value of a YAML text stands; the nearest one above when it is not there.

    Args:
        path: the keys and list positions that lead to the value.
    """
    node = yaml.compose(raw, Loader=yaml.CSafeLoader)
    line = 0
    for part in path:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == part), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line
    return line


@dataclass(frozen=True)
class LoadedContent:
    """All that could be read, and what could not.

    Attributes:
        retired: topics that are answered no more; their `topic.yml` says `retired_on`.
    """

    catalogue: Mapping[str, CatalogueTopic]
    topics: Mapping[str, Topic]
    facts: Mapping[str, Mapping[str, Any]]
    emergency_numbers: tuple[EmergencyNumber, ...]
    help_points: Mapping[str, Mapping[str, Any]]
    problems: tuple[Problem, ...]
    retired: Mapping[str, Topic] = field(default_factory=dict)
    dialogues: Mapping[str, Dialogue] = field(default_factory=dict)


def load_content(folder: Path) -> LoadedContent:
    """Read the content folder.

    Raises:
        ContentError: the catalogue, the schema or the folder itself cannot be read.
    """
    try:
        schema = Schema(folder / "schema.json")
        catalogue = load_catalogue(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ContentError(f"{folder}: topics.yml or schema.json cannot be read ({type(error).__name__})") from error
    problems: list[Problem] = []
    facts = _load_facts(folder, problems)
    topics, retired = dict[str, Topic](), dict[str, Topic]()
    for entry in catalogue.values():
        path = folder / entry.family / entry.id / "topic.yml"
        if path.exists():
            topic = load_topic(path, entry, schema, problems)
            if topic:
                (retired if topic.is_retired else topics)[topic.id] = topic
    help_points = load_help_points(folder, schema, problems)
    dialogues = _load_dialogues(folder, schema, problems)
    numbers = emergency_numbers_of(facts)
    return LoadedContent(catalogue, topics, facts, numbers, help_points, tuple(problems), retired, dialogues)


def load_catalogue_destinations(folder: Path) -> tuple[str, ...]:
    """Return the destinations that `topics.yml` names, two letters each; none when it names none."""
    return tuple(_read_catalogue(folder).get("destinations") or ())


def _read_catalogue(folder: Path) -> Any:
    return yaml.load((folder / "topics.yml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def load_catalogue(folder: Path) -> dict[str, CatalogueTopic]:
    """Read `topics.yml`, in its order."""
    data = _read_catalogue(folder)
    return {
        row["id"]: CatalogueTopic(
            id=row["id"],
            family=family,
            kind=Kind(row["kind"]),
            is_urgent=bool(row.get("urgent", False)),
            is_by_destination=bool(row.get("by_destination", False)),
            means=row["means"],
        )
        for family, rows in data["families"].items()
        for row in rows
    }


def text_hash(body: str) -> str:
    """Return the short hash of an answer's text, with which a translation says what it was made from."""
    return hashlib.sha256(body.strip().encode()).hexdigest()[:12]


def read_answer_body(path: Path) -> str:
    """Return the text of an answer file without its front matter."""
    return str(frontmatter.loads(path.read_text(encoding="utf-8")).content)


def _load_facts(folder: Path, problems: list[Problem]) -> dict[str, Mapping[str, Any]]:
    facts: dict[str, Mapping[str, Any]] = {}
    for path in sorted((folder / "facts").glob("*.yml")):
        raw = _read_text(path, problems)
        if raw is not None:
            facts.update(load_fact_rows(path, raw, facts, problems))
    return facts


def load_fact_rows(path: Path, raw: str, others: Mapping[str, object], problems: list[Problem]) -> dict[str, Mapping[str, Any]]:
    """Read the text of one file of facts; what cannot be read is added to the problems.

    Args:
        others: the facts of other files, whose ids are taken.
    """
    facts: dict[str, Mapping[str, Any]] = {}
    rows = _read_yaml(path, raw, problems) or []
    if not isinstance(rows, list):
        problems.append(Problem(path, 1, "fact_incomplete", "facts are a list: begin each with '- id: ...'"))
        return {}
    for index, row in enumerate(rows):
        missing = _missing_keys(row)
        if missing:
            reason = f"this fact lacks {', '.join(missing)}; add it, or delete the fact"
            problems.append(Problem(path, 1 + line_at(raw, [index]), "fact_incomplete", reason))
        elif row["id"] in facts or row["id"] in others:
            line = 1 + line_at(raw, [index])
            problems.append(Problem(path, line, "fact_twice", f"{row['id']} stands twice; give one a new id"))
        else:
            facts[row["id"]] = row
    return facts


def _missing_keys(row: object) -> list[str]:
    if not isinstance(row, Mapping):
        return ["id"]
    return sorted((_NUMBER_KEYS if str(row.get("id")).startswith("EN-") else _FACT_KEYS) - set(row))


def load_topic(path: Path, entry: CatalogueTopic, schema: Schema, problems: list[Problem]) -> Topic | None:
    """Read one topic with its answers; what cannot be read is added to the problems. None: not even its `topic.yml` can."""
    data = _read_valid(path, "topic", schema, problems)
    if data is None:
        return None
    if data["id"] != entry.id:
        problems.append(Problem(path, 1, "id_mismatch", f"id is {data['id']}, the folder is {entry.id}; make them equal"))
        return None
    blocks = data.get("destinations", {})
    retired = tuple(code for code, block in blocks.items() if "retired_on" in block)
    answers = _load_answers(path.parent, schema, problems)
    return Topic(
        id=entry.id,
        family=entry.family,
        path=path,
        owner=data["owner"],
        sensitivity=data["sensitivity"],
        is_urgent=entry.is_urgent,
        provenance=_provenance(data),
        destinations={code: _provenance(block) for code, block in blocks.items() if code not in retired},
        emergency_services=tuple(data.get("emergency_services", ())),
        related=tuple(data["related"]),
        help_points=tuple(data.get("help_points", ())),
        answers={key: answer for key, answer in answers.items() if key[0] not in retired},
        retired_destinations=retired,
        is_retired="retired_on" in data,
    )


def _provenance(data: Mapping[str, Any]) -> Provenance:
    return Provenance(
        facts=tuple(data["facts"]),
        sources=tuple(Source(s["title"], s["publisher"], s["url"], s["date"] or "") for s in data["sources"]),
        verify_name=data["verify_at"]["name"],
        verify_url=data["verify_at"]["url"],
        reviewed_on=date.fromisoformat(data["reviewed_on"]),
        review_by=date.fromisoformat(data["review_by"]),
    )


def _load_answers(folder: Path, schema: Schema, problems: list[Problem]) -> dict[tuple[str, str], Answer]:
    answers = {}
    for path in sorted(folder.glob("*.md")):
        match = _ANSWER_NAME.match(path.name)
        if match is None:
            problems.append(Problem(path, 0, "file_name", "name it <locale>.md or <destination>.<locale>.md"))
            continue
        answer = _load_answer(path, match["destination"] or "", match["locale"], schema, problems)
        if answer:
            answers[answer.destination, answer.locale] = answer
    return answers


def _load_answer(path: Path, destination: str, locale: str, schema: Schema, problems: list[Problem]) -> Answer | None:
    raw = _read_text(path, problems)
    if raw is None:
        return None
    try:
        head, body = frontmatter.parse(raw)
    except (yaml.YAMLError, ValueError) as error:
        problems.append(_yaml_problem(path, error))
        return None
    front_matter = _FRONT_MATTER.match(raw)
    errors = schema.errors("answer", head, path, front_matter[1] if front_matter else "", first_line=2)
    errors += _wrong_section_names(path, raw)
    problems.extend(errors)
    if errors:
        return None
    lead, sections = _split_sections(body)
    ordered = {name: sections[name] for name in SECTIONS if name in sections}
    said = {str(key): str(value) for key, value in head.items()}
    return Answer(path, locale, destination, lead=lead, sections=ordered, text_hash=text_hash(body), **said)


def _wrong_section_names(path: Path, raw: str) -> list[Problem]:
    reason = f"is not a section; use one of {', '.join(SECTIONS)}"
    return [
        Problem(path, 1 + raw.count("\n", 0, match.start()), "section_name", f"{match[1]!r} {reason}")
        for match in _SECTION_HEAD.finditer(raw)
        if match[1] not in SECTIONS
    ]


def _split_sections(body: str) -> tuple[str, dict[str, str]]:
    parts = _SECTION_HEAD.split(body.strip())
    names, texts = parts[1::2], parts[2::2]
    return parts[0].strip(), {name: text.strip() for name, text in zip(names, texts, strict=True)}


def load_help_points(folder: Path, schema: Schema, problems: list[Problem]) -> dict[str, Mapping[str, Any]]:
    """Read the help points that are not retired; what cannot be read is added to the problems."""
    points = {}
    for path in sorted((folder / "help-points").glob("*.yml")):
        data = _read_valid(path, "help_point", schema, problems)
        if data is not None and "retired_on" not in data:
            points[path.stem] = data
    return points


def dialogue_files(folder: Path) -> list[Path]:
    """Return the files of the guided dialogues; each is named after its topic."""
    return sorted((folder / "dialogues").glob("*.yml"))


def _load_dialogues(folder: Path, schema: Schema, problems: list[Problem]) -> dict[str, Dialogue]:
    dialogues = {}
    for path in dialogue_files(folder):
        data = _read_valid(path, "dialogue", schema, problems)
        if data is None:
            continue
        if data["id"] != path.stem:
            problems.append(Problem(path, 1, "id_mismatch", f"id is {data['id']}, the file is {path.name}; make them equal"))
            continue
        dialogues[path.stem] = parse_dialogue(path, data)
    return dialogues


def emergency_numbers_of(facts: Mapping[str, Mapping[str, Any]]) -> tuple[EmergencyNumber, ...]:
    """Return the emergency numbers among the facts, in their order."""
    return tuple(
        EmergencyNumber(
            id=row["id"],
            country=str(row["country"] or "").lower(),
            service=row["service"],
            name=row["name"],
            number=str(row["number"]),
            hours=row["hours"] or "",
            confidence=row["confidence"],
        )
        for row in facts.values()
        if row["id"].startswith("EN-")
    )


def _read_valid(path: Path, definition: str, schema: Schema, problems: list[Problem]) -> Mapping[str, Any] | None:
    """Read a YAML file that must fit a definition of the schema; None, and problems, when it does not."""
    before = len(problems)
    raw = _read_text(path, problems)
    data = _read_yaml(path, raw, problems)
    if raw is not None and len(problems) == before:
        problems.extend(schema.errors(definition, data, path, raw))
    return data if len(problems) == before else None


def _read_text(path: Path, problems: list[Problem]) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = f"cannot be read ({type(error).__name__}); save it as UTF-8 text"
        problems.append(Problem(path, 0, "unreadable", reason))
        return None


def _read_yaml(path: Path, raw: str | None, problems: list[Problem]) -> Any:
    try:
        return yaml.load(raw or "", Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        problems.append(_yaml_problem(path, error))
        return None


def _yaml_problem(path: Path, error: Exception) -> Problem:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else 0
    reason = getattr(error, "problem", None) or type(error).__name__
    return Problem(path, line, "yaml", f"cannot be read as YAML: {reason}; check quotes, colons and indentation")
