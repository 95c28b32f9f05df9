"""Compose replies: an answer with its source and date, a section, "did you mean", the menu, and the system's sentences.

Text about migration comes from `content/`, every other sentence from `locales/`. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import yaml

from bot.content.library import ContentLibrary, Found
from bot.content.model import CatalogueTopic, Kind, Provenance, Source
from bot.conversations.commands import payload
from bot.i18n import LOCALES, N_, Catalogues, country_name, format_day, language_name
from bot.messages import OutboundMessage, QuickReply

HOME_COUNTRY = "ec"
MOST_RELATED = 2
MOST_NUMBERS = 4
COUNTRY_TOPICS = ("pathways_overview", "visit_visa", "transit_visa_requirements", "asylum", "consular_help")
"""What is offered when somebody names a country and nothing else."""
HOME_TOPICS = ("return_overview", "regularisation_ecuador", "asylum_ecuador")
"""The same for Ecuador."""
MENU_FAMILIES = ("emergency", "returns", "pathways", "risks", "routes", "rights_family", "flows")
ASIDE_TOPICS = ("bot_identity", "privacy_question", "complaint_staff")
"""System topics that stand in the menu beside the flows: who the bot is, what happens to what is written, and complaints."""

WATCHED_TOPICS = ("domestic_violence_help", "sexual_violence_help", "trafficking_victim", "child_alone", "emergency_kidnapping")
"""Topics whose readers may be watched: their answers name the quick exit and say to delete the chat."""


class Replies:
    """Composes replies in a locale.

    Args:
        library: the content as it stands now.
        texts: the catalogues of system sentences.
        people: the file that names the help points where a person answers.
    """

    def __init__(self, library: ContentLibrary, texts: Catalogues, people: Path) -> None:
        self._library = library
        self._texts = texts
        self._people = people

    @property
    def library(self) -> ContentLibrary:
        """The content as it stands now."""
        return self._library

    @property
    def texts(self) -> Catalogues:
        """The catalogues of system sentences."""
        return self._texts

    @property
    def catalogue(self) -> dict[str, CatalogueTopic]:
        """All topics by id."""
        return dict(self._library.loaded.catalogue)

    def answer(self, topic_id: str, destination: str, locale: str) -> OutboundMessage:
        """Return a topic's answer with its source, check date and next steps."""
        found = self._library.find(topic_id, destination, locale)
        if found is None:
            return self.sentence("reply.no_answer_yet", locale)
        if found.is_withheld:
            return self._withheld(found, locale)
        parts = [*self._notices(found, destination, locale), f"**{found.answer.title}**", found.answer.lead]
        if found.topic.is_urgent:
            parts.append(self._number_lines(found.topic.emergency_services or ("general",), destination, locale))
        parts.append(self._source_line(found.provenance, locale))
        if topic_id in WATCHED_TOPICS:
            parts.append(self._texts.text(locale, "exit.advice"))
        return self._message(parts, self._next_steps(found, destination, locale))

    def section(self, topic_id: str, name: str, destination: str, locale: str) -> OutboundMessage:
        """Return one section of an answer; when there is no such section, say so and offer those that there are."""
        found = self._library.find(topic_id, destination, locale)
        if found is None or found.is_withheld or not name:
            return self.answer(topic_id, destination, locale)
        if name not in found.answer.sections:
            text = self._texts.text(locale, "reply.section_missing", title=found.answer.menu_title)
            return self._message(
                [text, self._source_line(found.provenance, locale)], self._next_steps(found, destination, locale)
            )
        title = f"**{found.answer.menu_title}: {self._texts.text(locale, f'section.{name}')}**"
        notices = self._notices(found, destination, locale)
        parts = [*notices, title, found.answer.sections[name], self._source_line(found.provenance, locale)]
        return self._message(parts, self._next_steps(found, destination, locale, without=name))

    def sections(self, topic_id: str, destination: str, locale: str) -> tuple[str, ...]:
        """Return the names of the sections that an answer has, in order."""
        found = self._library.find(topic_id, destination, locale)
        return tuple(found.answer.sections) if found and not found.is_withheld else ()

    def no_more(self, topic_id: str, destination: str, locale: str) -> OutboundMessage:
        """Say that all of an answer was sent, and offer its parts again."""
        found = self._library.find(topic_id, destination, locale)
        if found is None or found.is_withheld:
            return self.answer(topic_id, destination, locale)
        parts = [self._texts.text(locale, "reply.no_more"), self._source_line(found.provenance, locale)]
        return self._message(parts, self._next_steps(found, destination, locale))

    def about_country(self, destination: str, locale: str) -> OutboundMessage:
        """Offer what people ask about a country, when a country is all that was said."""
        topics = HOME_TOPICS if destination == HOME_COUNTRY else COUNTRY_TOPICS
        choices = [
            QuickReply(self.title(topic, locale), payload(topic, destination=destination))
            for topic in topics
            if self.is_offered(topic)
        ]
        text = self._texts.text(locale, "reply.about_country", country=country_name(destination, locale))
        return OutboundMessage(text, (*choices, self._menu_choice(locale)))

    def did_you_mean(self, topic_ids: Sequence[str], locale: str) -> OutboundMessage:
        """Offer up to three topics and "none of these"."""
        choices = [
            QuickReply(self.title(topic_id, locale), payload(topic_id)) for topic_id in topic_ids if self.is_offered(topic_id)
        ]
        none = QuickReply(self._texts.text(locale, "choices.none"), payload("menu"))
        return OutboundMessage(self._texts.text(locale, "reply.did_you_mean"), (*choices, none))

    def not_understood(self, locale: str, misses: int) -> OutboundMessage:
        """Say that a message was not understood; after two in a row offer a person first."""
        key = N_("reply.not_understood") if misses < 2 else N_("reply.not_understood_again")
        return OutboundMessage(self._texts.text(locale, key), self._standard_choices(locale, person_first=misses >= 2))

    def menu(self, locale: str, family: str = "") -> OutboundMessage:
        """Return the menu of families, emergency first, or of one family's topics."""
        if family in MENU_FAMILIES:
            topics = [topic.id for topic in self.catalogue.values() if topic.family == family and self.is_offered(topic.id)]
            rows = [self._choice(topic, locale) for topic in (*topics, *(ASIDE_TOPICS if family == "flows" else ()))]
            numbers = self._number_lines(("general",), "", locale) if family == "emergency" else ""
            return self._message(
                [f"**{self._texts.text(locale, f'family.{family}')}**", numbers], [*rows, self._menu_choice(locale)]
            )
        families = [
            QuickReply(self._texts.text(locale, f"family.{name}"), payload("menu", family=name)) for name in MENU_FAMILIES
        ]
        extra = [self._choice(topic, locale) for topic in ("nearby_services", "talk_to_person", "change_language")]
        return OutboundMessage(self._texts.text(locale, "reply.menu"), (*families, *extra))

    def languages(self, locale: str) -> OutboundMessage:
        """Offer the supported languages, each by its own name."""
        choices = tuple(QuickReply(language_name(code), payload("change_language", locale=code)) for code in LOCALES)
        return OutboundMessage(self._texts.text(locale, "reply.change_language"), choices)

    def people(self, locale: str) -> OutboundMessage:
        """Tell where a person answers: real offices and lines, with their source's date."""
        lines = [self._texts.text(locale, "reply.talk_to_person"), *self._listed_points("help_points", locale)]
        lines.append(self._texts.text(locale, "reply.check_first"))
        return self._message(lines, [self._menu_choice(locale)])

    def complaint_bodies(self, locale: str) -> str:
        """Name the official bodies that take complaints; empty when the content names none."""
        points = self._listed_points("complaints", locale)
        return "\n\n".join([self._texts.text(locale, "complaint.bodies"), *points]) if points else ""

    def _listed_points(self, name: str, locale: str) -> list[str]:
        slugs = yaml.safe_load(self._people.read_text(encoding="utf-8")).get(name, ())
        points = [self._library.loaded.help_points[slug] for slug in slugs if slug in self._library.loaded.help_points]
        return [point_lines(point, locale) for point in points]

    def sentence(self, key: str, locale: str, **values: object) -> OutboundMessage:
        """Return one of the system's sentences with the way to the menu and to a person."""
        return OutboundMessage(self._texts.text(locale, key, **values), self._standard_choices(locale))

    def title(self, topic_id: str, locale: str) -> str:
        """Return a topic's short title for a choice, whatever its kind."""
        key = f"topic.{topic_id}"
        fallback = self._texts.text(locale, key) if self._texts.has(key) else topic_id.replace("_", " ")
        return self._library.menu_title(topic_id, locale) or fallback

    def is_offered(self, topic_id: str) -> bool:
        """Tell whether a topic may stand among the choices: a retired one, or one without an answer yet, leads nowhere."""
        loaded = self._library.loaded
        return topic_id in loaded.catalogue and (topic_id in loaded.topics or not self.is_answer(topic_id))

    def is_answer(self, topic_id: str) -> bool:
        """Tell whether a topic is answered from the content folder."""
        topic = self._library.loaded.catalogue.get(topic_id)
        return topic is not None and topic.kind is Kind.ANSWER

    def _notices(self, found: Found, destination: str, locale: str) -> list[str]:
        notices = []
        if not found.is_translated:
            notices.append(self._texts.text(locale, "notice.spanish_only"))
        if found.is_general:
            country = country_name(destination, locale)
            notices.append(self._texts.text(locale, "notice.general_only", country=country))
        if found.is_past_review:
            day = format_day(found.provenance.review_by, locale)
            notices.append(self._texts.text(locale, "notice.past_review", date=day))
        return [f"*{notice}*" for notice in notices]

    def _withheld(self, found: Found, locale: str) -> OutboundMessage:
        text = self._texts.text(
            locale,
            "reply.withheld",
            title=found.answer.title,
            name=found.provenance.verify_name,
            url=found.provenance.verify_url,
        )
        return OutboundMessage(text, self._standard_choices(locale, person_first=True))

    def _number_lines(self, services: tuple[str, ...], destination: str, locale: str) -> str:
        # Ecuador's numbers are of no use to somebody in Mexico: the country that was named, or else home.
        named = self._library.emergency_numbers(services, destination) if destination else []
        country, numbers = (destination, named) if named else (HOME_COUNTRY, [])
        numbers = numbers or self._library.emergency_numbers(services, HOME_COUNTRY)
        lines = [f"- {n.name}: **{n.number}**" if n.name != n.number else f"- **{n.number}**" for n in numbers]
        head = self._texts.text(locale, "reply.numbers_in", country=country_name(country, locale))
        return "\n".join([head, *lines[:MOST_NUMBERS]]) if lines else ""

    def _source_line(self, provenance: Provenance, locale: str) -> str:
        return self._texts.text(
            locale,
            "reply.source",
            source=_source_name(provenance.sources[0], locale),
            checked=format_day(provenance.reviewed_on, locale),
            name=provenance.verify_name,
            url=provenance.verify_url,
        )

    def _next_steps(self, found: Found, destination: str, locale: str, without: str = "") -> list[QuickReply]:
        topic_id = found.topic.id
        steps = [
            QuickReply(
                self._texts.text(locale, f"section.{name}"),
                payload("more_detail", topic=topic_id, section=name, destination=destination),
            )
            for name in found.answer.sections
            if name != without
        ]
        related = [name for name in found.topic.related if self.is_offered(name)][:MOST_RELATED]
        steps += [QuickReply(self.title(name, locale), payload(name)) for name in related]
        if found.topic.is_urgent:
            steps.append(self._choice("talk_to_person", locale))
        return [*steps, self._menu_choice(locale)]

    def _standard_choices(self, locale: str, person_first: bool = False) -> tuple[QuickReply, ...]:
        choices = [self._menu_choice(locale), self._choice("talk_to_person", locale)]
        return tuple(reversed(choices)) if person_first else tuple(choices)

    def _choice(self, topic_id: str, locale: str) -> QuickReply:
        return QuickReply(self.title(topic_id, locale), payload(topic_id))

    def _menu_choice(self, locale: str) -> QuickReply:
        return QuickReply(self._texts.text(locale, "choices.menu"), payload("menu"))

    def _message(self, parts: Sequence[str], choices: Sequence[QuickReply]) -> OutboundMessage:
        return OutboundMessage("\n\n".join(part for part in parts if part), tuple(choices))


def _source_name(source: Source, locale: str) -> str:
    if len(source.date) == 10:
        return f"{source.publisher} ({format_day(date.fromisoformat(source.date), locale)})"
    return f"{source.publisher} ({source.date})" if source.date else source.publisher


def point_lines(point: object, locale: str) -> str:
    """Return name, number, place, hours and note of a help point, one below the other."""
    if not isinstance(point, dict):
        return ""
    lines = [f"**{point.get('names', {}).get(locale) or point['name']}**"]
    lines += [str(point[key]) for key in ("phone", "address", "url") if point.get(key)]
    for key in ("hours", "note"):
        said = point.get(key, {})
        lines += [said.get(locale) or said["es"]] if said.get("es") else []
    return "\n".join(lines)
