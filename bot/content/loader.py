"""Read the files of `content/` into values, and report every file that does not fit the schema with its line.

A broken file is left out and reported; the rest is still read, so that one slip of the keyboard never silences the bot.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import frontmatter
import yaml
from jsonschema import Draft7Validator, RefResolver
from jsonschema.exceptions import ValidationError

from bot.content.model import SECTIONS, Answer, CatalogueTopic, EmergencyNumber, Kind, Problem, Provenance, Source, Topic
from bot.errors import ContentError

_ANSWER_NAME = re.compile(r"^(?:(?P<destination>[a-z]{2})\.)?(?P<locale>[a-z]{2})\.md$")
_SECTION_HEAD = re.compile(r"^## +(.+?) *$", re.MULTILINE)


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
        validator = Draft7Validator(self._schema["definitions"][definition], resolver=self._resolver)
        return [
            Problem(path, first_line + _line_of(raw, error), "schema", _explain(error))
            for error in validator.iter_errors(data)
        ]


def _explain(error: ValidationError) -> str:
    where = ".".join(str(part) for part in error.absolute_path) or "the file"
    return f"{where}: {error.message}; see content/README.md for what is allowed"


def _line_of(raw: str, error: ValidationError) -> int:
    node = yaml.compose(raw, Loader=yaml.CSafeLoader)
    line = 0
    for part in error.absolute_path:
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
    """All that could be read, and what could not."""

    catalogue: Mapping[str, CatalogueTopic]
    topics: Mapping[str, Topic]
    facts: Mapping[str, Mapping[str, Any]]
    emergency_numbers: tuple[EmergencyNumber, ...]
    help_points: Mapping[str, Mapping[str, Any]]
    problems: tuple[Problem, ...]


def load_content(folder: Path) -> LoadedContent:
    """Read the content folder.

    Raises:
        ContentError: the catalogue, the schema or the folder itself cannot be read.
    """
    try:
        schema = Schema(folder / "schema.json")
        catalogue = load_catalogue(folder)
    except (OSError, ValueError, KeyError, yaml.YAMLError) as error:
        raise ContentError(f"{folder}: topics.yml or schema.json cannot be read ({type(error).__name__})") from error
    problems: list[Problem] = []
    facts = _load_facts(folder, problems)
    topics = {}
    for entry in catalogue.values():
        path = folder / entry.family / entry.id / "topic.yml"
        if path.exists():
            topic = _load_topic(path, entry, schema, problems)
            if topic:
                topics[topic.id] = topic
    help_points = _load_help_points(folder, schema, problems)
    return LoadedContent(catalogue, topics, facts, _emergency_numbers(facts), help_points, tuple(problems))


def load_catalogue(folder: Path) -> dict[str, CatalogueTopic]:
    """Read `topics.yml`, in its order."""
    data = yaml.load((folder / "topics.yml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
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
        rows = _read_yaml(path, problems)
        for row in rows if isinstance(rows, list) else []:
            if row["id"] in facts:
                problems.append(Problem(path, 0, "fact_twice", f"{row['id']} stands twice; give one a new id"))
            facts[row["id"]] = row
    return facts


def _load_topic(path: Path, entry: CatalogueTopic, schema: Schema, problems: list[Problem]) -> Topic | None:
    raw = path.read_text(encoding="utf-8")
    data = _read_yaml(path, problems)
    errors = schema.errors("topic", data, path, raw) if data is not None else []
    problems.extend(errors)
    if data is None or errors:
        return None
    if data["id"] != entry.id:
        problems.append(Problem(path, 1, "id_mismatch", f"id is {data['id']}, the folder is {entry.id}; make them equal"))
        return None
    return Topic(
        id=entry.id,
        family=entry.family,
        path=path,
        owner=data["owner"],
        sensitivity=data["sensitivity"],
        is_urgent=entry.is_urgent,
        provenance=_provenance(data),
        destinations={code: _provenance(block) for code, block in data.get("destinations", {}).items()},
        emergency_services=tuple(data.get("emergency_services", ())),
        related=tuple(data["related"]),
        help_points=tuple(data.get("help_points", ())),
        answers=_load_answers(path.parent, schema, problems),
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


def _load_answer(
    path: Path, destination: str, locale: str, schema: Schema, problems: list[Problem]
) -> Answer | None:
    raw = path.read_text(encoding="utf-8")
    try:
        head, body = frontmatter.parse(raw)
    except (yaml.YAMLError, ValueError) as error:
        problems.append(_yaml_problem(path, error))
        return None
    errors = schema.errors("answer", head, path, raw.split("---")[1] if raw.startswith("---") else "")
    lead, sections = _split_sections(body)
    errors += [
        Problem(path, 0, "section_name", f"section {name!r} is not one of {', '.join(SECTIONS)}")
        for name in sections
        if name not in SECTIONS
    ]
    problems.extend(errors)
    if errors:
        return None
    ordered = {name: sections[name] for name in SECTIONS if name in sections}
    return Answer(path, locale, destination, lead=lead, sections=ordered, **{str(k): str(v) for k, v in head.items()})


def _split_sections(body: str) -> tuple[str, dict[str, str]]:
    parts = _SECTION_HEAD.split(body.strip())
    names, texts = parts[1::2], parts[2::2]
    return parts[0].strip(), {name: text.strip() for name, text in zip(names, texts)}


def _load_help_points(folder: Path, schema: Schema, problems: list[Problem]) -> dict[str, Mapping[str, Any]]:
    points = {}
    for path in sorted((folder / "help-points").glob("*.yml")):
        data = _read_yaml(path, problems)
        errors = schema.errors("help_point", data, path, path.read_text(encoding="utf-8")) if data is not None else []
        problems.extend(errors)
        if data is not None and not errors:
            points[path.stem] = data
    return points


def _emergency_numbers(facts: Mapping[str, Mapping[str, Any]]) -> tuple[EmergencyNumber, ...]:
    return tuple(
        EmergencyNumber(
            id=row["id"],
            country=(row["country"] or "").lower(),
            service=row["service"],
            name=row["name"],
            number=str(row["number"]),
            hours=row["hours"] or "",
            confidence=row["confidence"],
        )
        for row in facts.values()
        if row["id"].startswith("EN-")
    )


def _read_yaml(path: Path, problems: list[Problem]) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problems.append(_yaml_problem(path, error))
        return None


def _yaml_problem(path: Path, error: Exception) -> Problem:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else 0
    reason = getattr(error, "problem", None) or type(error).__name__
    return Problem(path, line, "yaml", f"cannot be read as YAML: {reason}; check quotes, colons and indentation")
