"""The values that content files become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from pathlib import Path

SECTIONS = ("requirements", "cost", "time", "where", "steps", "risks", "rights")
"""The named sections of an answer, in the order in which they stand and are offered."""
LEAD_LIMIT = 600
"""Characters of a lead, so that it is read at once and leaves room for the source under WhatsApp's limit."""
SECTION_LIMIT = 800
"""Characters of a section, so that with its source line it fits into one message with choices."""


class Kind(str, Enum):
    """What a topic of the catalogue does."""

    ANSWER = "answer"
    FLOW = "flow"
    SYSTEM = "system"


@dataclass(frozen=True)
class CatalogueTopic:
    """One line of `topics.yml`: a topic and its intent, which has the same spelling."""

    id: str
    family: str
    kind: Kind
    is_urgent: bool
    is_by_destination: bool
    means: str


@dataclass(frozen=True)
class Source:
    """A page that an answer rests on; `date` is as the page shows it, empty when it shows none."""

    title: str
    publisher: str
    url: str
    date: str


@dataclass(frozen=True)
class Provenance:
    """Where an answer comes from and until when it may be trusted."""

    facts: tuple[str, ...]
    sources: tuple[Source, ...]
    verify_name: str
    verify_url: str
    reviewed_on: date
    review_by: date


@dataclass(frozen=True)
class Answer:
    """One answer in one language, general (`destination` empty) or for one destination.

    Attributes:
        sections: text by section name, in the order of `SECTIONS`.
        text_hash: the hash of the text, its version; the head of the file does not count.
        source_hash: for a translation, the hash of the text it was made from.
    """

    path: Path
    locale: str
    destination: str
    title: str
    menu_title: str
    lead: str
    sections: Mapping[str, str]
    text_hash: str
    translation_of: str = ""
    source_hash: str = ""


@dataclass(frozen=True)
class Topic:
    """An answer topic with all its answers.

    Attributes:
        retired_destinations: those whose block says `retired_on`; they are in neither `destinations` nor `answers`.
        is_retired: `topic.yml` says `retired_on`; nobody is answered with it.
    """

    id: str
    family: str
    path: Path
    owner: str
    sensitivity: str
    is_urgent: bool
    provenance: Provenance
    destinations: Mapping[str, Provenance]
    emergency_services: tuple[str, ...]
    related: tuple[str, ...]
    help_points: tuple[str, ...]
    answers: Mapping[tuple[str, str], Answer] = field(repr=False)
    """By (destination, locale); the general answer has an empty destination."""
    retired_destinations: tuple[str, ...] = ()
    is_retired: bool = False


@dataclass(frozen=True)
class EmergencyNumber:
    """A number to call, by country (lower case; empty: anywhere) and service."""

    id: str
    country: str
    service: str
    name: str
    number: str
    hours: str
    confidence: str


@dataclass(frozen=True)
class Problem:
    """Something wrong in the content folder, said so that an editor can mend it.

    Attributes:
        line: counted from 1; 0 when the whole file is meant.
        code: short and stable.
        message: what is wrong and what to do.
        is_warning: it does not fail the check.
    """

    path: Path
    line: int
    code: str
    message: str
    is_warning: bool = False
