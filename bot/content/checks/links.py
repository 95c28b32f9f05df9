"""Check what holds the content together: every topic answered, translations in step, links that lead somewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from bot.content.checks.written import WrittenAnswer, WrittenYaml
from bot.content.loader import LoadedContent, read_answer_body, text_hash
from bot.content.model import CatalogueTopic, Kind, Problem, Topic

_REQUIRED_LOCALES = ("es", "en")
_URGENT_LOCALES = ("es", "en", "fr", "pt")


def check_completeness(folder: Path, loaded: LoadedContent) -> Iterator[Problem]:
    """Yield the answers that are missing, and the folders that belong to no topic."""
    for entry in loaded.catalogue.values():
        if entry.kind is Kind.ANSWER:
            yield from _check_entry(folder / entry.family / entry.id, entry, loaded)
    for path in sorted(folder.glob("*/*/topic.yml")):
        entry_or_none = loaded.catalogue.get(path.parent.name)
        if entry_or_none is None or entry_or_none.family != path.parent.parent.name:
            reason = "topics.yml has no such topic in this family; add it there, or move the folder"
            yield Problem(path, 1, "topic_unknown", reason)


def required_locales(entry: CatalogueTopic) -> tuple[str, ...]:
    """Return the languages in which a topic must be answered."""
    return _URGENT_LOCALES if entry.is_urgent else _REQUIRED_LOCALES


def _check_entry(folder: Path, entry: CatalogueTopic, loaded: LoadedContent) -> Iterator[Problem]:
    if not (folder / "topic.yml").exists():
        yield Problem(folder / "topic.yml", 0, "topic_missing", f"write topic.yml and the answers of {entry.id}")
        return
    if entry.id in loaded.retired:
        return
    for locale in required_locales(entry):
        path = folder / f"{locale}.md"
        if not path.exists():
            kind = "an urgent topic" if entry.is_urgent else "a topic"
            yield Problem(path, 0, "answer_missing", f"{kind} needs this answer; write {locale}.md")


def check_links(topic: Topic, loaded: LoadedContent, destinations: Sequence[str]) -> Iterator[Problem]:
    """Yield the dead links of a topic: related topics, help points, destinations.

    Args:
        destinations: those of the catalogue, two letters each.
    """
    written = WrittenYaml(topic.path)
    for index, related in enumerate(topic.related):
        if related not in loaded.catalogue:
            yield written.problem(("related", index), "related_unknown", f"topics.yml has no topic {related}; correct the id")
    for index, slug in enumerate(topic.help_points):
        if not (topic.path.parents[2] / "help-points" / f"{slug}.yml").exists():
            reason = f"there is no help-points/{slug}.yml; correct the name or take it out"
            yield written.problem(("help_points", index), "help_point_unknown", reason)
    for code in topic.destinations:
        if code not in destinations:
            reason = f"{code} is not among the destinations of topics.yml; add it there, or take the block and its files out"
            yield written.problem(("destinations", code), "destination_unknown", reason)
        if not (topic.path.parent / f"{code}.es.md").exists():
            reason = f"there is no {code}.es.md for this block; write it or take the block out"
            yield written.problem(("destinations", code), "block_without_file", reason)
    for (code, _locale), answer in sorted(topic.answers.items()):
        if code and code not in topic.destinations:
            reason = f"topic.yml has no block for {code}, so this answer is never shown; add the block"
            yield Problem(answer.path, 1, "file_without_block", reason)


def check_translations(topic: Topic) -> Iterator[Problem]:
    """Yield the translations that were made from another text than the present one."""
    for (code, locale), answer in sorted(topic.answers.items()):
        written = WrittenAnswer(answer.path)
        if locale == "es":
            continue
        if not answer.translation_of:
            yield written.problem(1, "translation_unmarked", "add 'translation_of: es' and its source_hash to the head")
            continue
        source = topic.path.parent / f"{code + '.' if code else ''}{answer.translation_of}.md"
        if not source.exists():
            reason = f"{source.name}, which this translates, is not there; write it or correct translation_of"
            yield written.problem(written.head_line("translation_of"), "translation_source_missing", reason)
        elif (code, answer.translation_of) not in topic.answers:
            continue  # The source is broken, and that is reported as it is.
        elif text_hash(read_answer_body(source)) != answer.source_hash:
            advice = f"bring this text up to date, then run `ruta content hash --write` on {answer.path.name}"
            reason = f"{source.name} has changed since; {advice}"
            yield written.problem(written.head_line("source_hash"), "translation_drift", reason)


def check_menu_titles(loaded: LoadedContent) -> Iterator[Problem]:
    """Warn of topics of one family that carry the same menu title in a language: a reader could not tell them apart."""
    seen: dict[tuple[str, str, str], list[WrittenAnswer]] = defaultdict(list)
    for topic in loaded.topics.values():
        for (code, locale), answer in topic.answers.items():
            if not code:
                seen[topic.family, locale, answer.menu_title.casefold()].append(WrittenAnswer(answer.path))
    for first, *others in seen.values():
        for other in others:
            reason = f"{first.path.parent.name} has the same menu_title; make them different"
            yield other.problem(other.head_line("menu_title"), "menu_title_twice", reason, is_warning=True)
