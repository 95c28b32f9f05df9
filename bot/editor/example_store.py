"""The examples that the model learns from, as pages see them: by topic and language, with what speaks against a new one.

The files stay the truth. A change names the sentence that it changes, so two people can work at one file; when the sentence
itself has been changed meanwhile, nothing is written. Nothing is learned before somebody trains.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from threading import Lock

from rapidfuzz import fuzz, process

from bot.content.example_files import (
    NotThere,
    add_example,
    example_path,
    fault_of,
    is_as_written,
    read_examples,
    read_lines,
    remove_example,
    replace_example,
)
from bot.content.library import folder_stamp
from bot.content.likeness import NEAR, HeldOut, fold_sentence
from bot.content.model import CatalogueTopic, Kind
from bot.editor.folder import EXAMPLE_PATHS, ChangedMeanwhile, ContentFolder, NotWritten, fingerprint
from bot.i18n import LOCALES, N_

_TRIES = 3
_MOST_NEIGHBOURS = 3


class Doubt(str, Enum):
    """What speaks against a sentence as an example."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    MARKUP = "markup"
    ELSEWHERE = "elsewhere"
    """It stands under another topic: the model could only guess."""
    HELD_OUT = "held_out"
    """It is, or nearly is, a message on which models are measured; then the measure would say too much."""
    ALREADY = "already"
    """It stands under this topic; nothing is to be done."""
    NEAR = "near"
    """Nearly the same sentence is there."""


REFUSED = frozenset({Doubt.EMPTY, Doubt.TOO_LONG, Doubt.MARKUP, Doubt.ELSEWHERE, Doubt.HELD_OUT})


@dataclass(frozen=True)
class Finding:
    """What was found about one sentence.

    Attributes:
        neighbours: (topic, sentence) that it collides with; empty for messages of the tests, which nobody shall see.
    """

    text: str
    doubt: Doubt
    neighbours: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Index:
    """All sentences at one moment."""

    by_topic: Mapping[tuple[str, str], list[str]]
    owners: Mapping[str, list[tuple[str, str, str]]]
    folded: Mapping[str, list[str]]


@dataclass
class ExampleStore:
    """Reads, judges and writes examples.

    Args:
        intents: the folder `intents/`.
        tests: the folder `tests/nlu/`; it need not be there.
        catalogue: returns the topics as they are now.
    """

    intents: Path
    tests: Path
    catalogue: Callable[[], Mapping[str, CatalogueTopic]]
    _lock: Lock = field(default_factory=Lock)
    _kept: tuple[object, _Index] | None = None
    _kept_tests: tuple[object, HeldOut] | None = None

    def __post_init__(self) -> None:
        self._folder = ContentFolder(self.intents, EXAMPLE_PATHS)

    def sentences(self, topic: str, locale: str) -> list[str]:
        """Return a topic's sentences in one language, in the file's order."""
        return list(self._index().by_topic.get((topic, locale), ()))

    def counts(self) -> Counter[tuple[str, str]]:
        """Return how many sentences there are for each (topic, locale)."""
        return Counter({key: len(texts) for key, texts in self._index().by_topic.items()})

    def locale_sentences(self, locale: str) -> list[str]:
        """Return all sentences of a language."""
        return [text for (_, at), texts in self._index().by_topic.items() if at == locale for text in texts]

    def examine(self, locale: str, topic: str, texts: Sequence[str], leaving: str = "") -> list[Finding]:
        """Return what speaks against these tidy sentences; a good one is not named.

        Args:
            leaving: a sentence of this language that goes when they come, such as the one that is being changed.
        """
        return [found for text in texts if (found := self._examine_one(locale, topic, text, leaving)) is not None]

    def add(self, locale: str, topic: str, texts: Sequence[str], places: Sequence[int | None] = ()) -> None:
        """Write new sentences.

        Args:
            places: where each stands among the topic's, counted from 0; left out: at the end.

        Raises:
            NotWritten: the disk; nothing was written.
        """

        def change(raw: str) -> str:
            for text, place in zip(texts, places or [None] * len(texts), strict=True):
                raw = add_example(raw, topic, text, place)
            return raw

        self._rewrite(topic, locale, change)

    def remove(self, locale: str, topic: str, texts: Sequence[str]) -> list[int]:
        """Take sentences away and return the place of each.

        Raises:
            NotThere: one of them is not there any more; nothing was written.
            NotWritten: the disk; nothing was written.
        """
        places: list[int] = []

        def change(raw: str) -> str:
            places.clear()
            for text in texts:
                raw, place = remove_example(raw, topic, text)
                places.append(place)
            return raw

        self._rewrite(topic, locale, change)
        return places

    def replace(self, locale: str, topic: str, old: str, new: str) -> None:
        """Write a sentence anew.

        Raises:
            NotThere: the old one is not there any more.
            NotWritten: the disk; nothing was written.
        """
        self._rewrite(topic, locale, lambda raw: replace_example(raw, topic, old, new))

    def move(self, locale: str, topic: str, text: str, to_topic: str, new: str = "") -> None:
        """Put a sentence under another topic, with another wording if one is given.

        Raises:
            NotThere: it is not there any more.
            NotWritten: the disk; then it stands where it stood.
        """
        if text not in self.sentences(topic, locale):
            raise NotThere(topic)
        self.add(locale, to_topic, [new or text])
        try:
            self.remove(locale, topic, [text])
        except Exception:
            self.remove(locale, to_topic, [new or text])
            raise

    def path(self, topic: str, locale: str) -> str:
        """Return where a topic's sentences stand, below `intents/`: where they are now, or in its family's file."""
        usual = example_path(self.catalogue()[topic].family, locale)
        files = [usual, *sorted(f"nlu/{locale}/{file.name}" for file in (self.intents / "nlu" / locale).glob("*.yml"))]
        own = (file for file in files if any(line.topic == topic for line in read_lines(self._folder.read(file))))
        return next(own, usual)

    def _rewrite(self, topic: str, locale: str, change: Callable[[str], str]) -> None:
        path = self.path(topic, locale)
        for attempt in range(1, _TRIES + 1):
            raw = self._folder.read(path)
            changed = change(raw)
            if not is_as_written(changed):
                raise NotWritten("example_file_unreadable", N_("editor.example.unreadable"))
            try:
                self._folder.write(path, changed, fingerprint(raw))
                return
            except ChangedMeanwhile:  # Somebody changed other sentences: the change is made on the new text.
                if attempt == _TRIES:
                    raise

    def _examine_one(self, locale: str, topic: str, text: str, leaving: str) -> Finding | None:
        fault = fault_of(text)
        if fault:
            return Finding(text, Doubt(fault))
        index, folded = self._index(), fold_sentence(text) or text
        owners = [(own, said) for at, own, said in index.owners.get(folded, ()) if (at, said) != (locale, leaving)]
        others = tuple((own, said) for own, said in owners if own != topic)
        if others:
            return Finding(text, Doubt.ELSEWHERE, others[:_MOST_NEIGHBOURS])
        if owners:
            return Finding(text, Doubt.ALREADY, tuple(owners[:1]))
        if self._held_out().has_copy_of(text):
            return Finding(text, Doubt.HELD_OUT)
        near = process.extract(folded, index.folded.get(locale, ()), scorer=fuzz.ratio, score_cutoff=NEAR, limit=_MOST_NEIGHBOURS)
        neighbours = [pair for known, _, _ in near for at, *pair in index.owners[known] if at == locale and pair[1] != leaving]
        return Finding(text, Doubt.NEAR, tuple((own, said) for own, said in neighbours)) if neighbours else None

    def _index(self) -> _Index:
        with self._lock:
            stamp = folder_stamp(self.intents / "nlu")
            if self._kept is None or self._kept[0] != stamp:
                self._kept = (stamp, self._read())
            return self._kept[1]

    def _read(self) -> _Index:
        by_topic: dict[tuple[str, str], list[str]] = {}
        owners: dict[str, list[tuple[str, str, str]]] = {}
        folded: dict[str, list[str]] = {}
        for locale, line in read_examples(self.intents, LOCALES):
            known = fold_sentence(line.text) or line.text
            by_topic.setdefault((line.topic, locale), []).append(line.text)
            owners.setdefault(known, []).append((locale, line.topic, line.text))
            folded.setdefault(locale, []).append(known)
        return _Index(by_topic, owners, folded)

    def _held_out(self) -> HeldOut:
        with self._lock:
            if not self.tests.is_dir():
                return HeldOut(())
            stamp = folder_stamp(self.tests)
            if self._kept_tests is None or self._kept_tests[0] != stamp:
                files = sorted([*self.tests.glob("test_*.yml"), *self.tests.glob("calibration_*.yml")])
                lines = [line for file in files for line in read_lines(file.read_text(encoding="utf-8"))]
                topics = self.catalogue()
                system = {topic.id for topic in topics.values() if topic.kind is Kind.SYSTEM}
                self._kept_tests = (stamp, HeldOut((line.text, line.topic in system) for line in lines))
            return self._kept_tests[1]


def is_refused(findings: Collection[Finding], accepted: str) -> bool:
    """Tell whether sentences may not be written: one is out of the question, or doubtful and not yet accepted.

    Args:
        accepted: what the person has seen and accepted, from `doubts_key`; empty: nothing.
    """
    doubtful = [found for found in findings if found.doubt is Doubt.NEAR]
    return any(found.doubt in REFUSED for found in findings) or (bool(doubtful) and accepted != doubts_key(findings))


def doubts_key(findings: Collection[Finding]) -> str:
    """Return what stands for these doubts in a form, so that only those that were shown are accepted."""
    said = "\n".join(f"{found.doubt.value} {found.text}" for found in findings)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def sentence_key(text: str) -> str:
    """Return by which a sentence is named in an address, where its words must not stand."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
