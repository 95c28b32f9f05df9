"""Check one answer: its limits, its marks, its cautions, how easy it reads, and whether its facts bear out what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bot.content.checks.claims import Claim, ClaimKind, find_claims
from bot.content.checks.reading_ease import MINIMUM_EASE, reading_ease
from bot.content.checks.support import FactBase
from bot.content.checks.written import WrittenAnswer
from bot.content.library import UNSAFE_NUMBERS
from bot.content.model import LEAD_LIMIT, SECTION_LIMIT, SECTIONS, Answer, Problem
from bot.markup import plain_text
from bot.messages import ChannelLimits

RESERVED = 300
"""Characters of a message kept for the title, the source line and the check date."""

NamedLimits = Sequence[tuple[str, ChannelLimits]]

_CAUTIONS = {
    "es": ("según", "verifiq", "confirm", "compruebe", "pregunte antes", "averigüe"),
    "en": ("according", "check", "confirm", "verify", "ask first"),
    "fr": ("selon", "d'après", "vérifi", "confirm"),
    "pt": ("segundo", "verifi", "confir"),
}
_MENU_MARKS = re.compile(r"[*_~`]")
_OUTSIDE_SUBSET = (
    (
        re.compile(r"^\s{0,3}#(?!# )"),
        "a heading that is not a section; make it a sentence, or '## ' and a section name",
    ),
    (re.compile(r"^\s{0,3}(?:=+|-{2,}|\*{3,}|_{3,})\s*$"), "a line that draws a rule or a heading; delete it"),
    (re.compile(r"!\[[^\]]*\]\("), "an image; say it in words"),
    (re.compile(r"^\s*\|.*\||^\s*:?-+:?\s*\|"), "a table; make it a list"),
    (re.compile(r"<(?!https?://|mailto:)[A-Za-z/!?][^>]*>"), "HTML; delete the tag"),
    (re.compile(r"`|~~"), "code or struck-out text; delete the marks"),
    (re.compile(r"^\s{0,3}>"), "a quotation; delete the '>'"),
)


def check_answer(answer: Answer, own_facts: Sequence[str], all_facts: Sequence[str], base: FactBase) -> Iterator[Problem]:
    """Yield what is wrong in an answer, whatever the channel.

    Args:
        own_facts: the facts of its own block, general or of the destination.
        all_facts: those and, for a destination, the general ones: what its statements may rest on.
    """
    written = WrittenAnswer(answer.path)
    yield from _check_lengths(answer, written)
    yield from _check_sections(written)
    yield from _check_markup(answer, written)
    yield from _check_support(answer, written, own_facts, all_facts, base)
    if answer.locale == "es":
        yield from _check_ease(answer, written)


def check_support(answer: Answer, own_facts: Sequence[str], all_facts: Sequence[str], base: FactBase) -> Iterator[Problem]:
    """Yield only what its facts do not bear out; the facts as `check_answer` takes them."""
    yield from _check_support(answer, WrittenAnswer(answer.path), own_facts, all_facts, base)


def _check_support(
    answer: Answer, written: WrittenAnswer, own_facts: Sequence[str], all_facts: Sequence[str], base: FactBase
) -> Iterator[Problem]:
    yield from _check_claims(written, all_facts, base)
    yield from _check_caution(answer, written, own_facts, base)


def check_channel_limits(answer: Answer, limits: NamedLimits) -> Iterator[Problem]:
    """Yield what does not fit into one message of a channel, once for each part of the answer: the tightest channel."""
    if not limits:
        return
    written = WrittenAnswer(answer.path)
    channel, tightest = min(limits, key=lambda named: named[1].text_with_choices)
    room = tightest.text_with_choices - RESERVED
    for name, text in _parts(answer):
        length = len(plain_text(text))
        own_limit = SECTION_LIMIT if name else LEAD_LIMIT
        if room < length <= own_limit:
            reason = f"{name or 'the lead'} has {length} characters, {channel} has room for {room}; shorten it"
            yield written.problem(written.section_line(name), "too_long_for_channel", reason)
    rows = [(limit.list_title, channel) for channel, limit in limits if limit.list_title]
    if rows and len(answer.menu_title) > min(rows)[0]:
        most, channel = min(rows)
        reason = f"menu_title has {len(answer.menu_title)} characters, a list on {channel} takes {most}; shorten it"
        yield written.problem(written.head_line("menu_title"), "menu_title_too_long", reason)


def _parts(answer: Answer) -> list[tuple[str, str]]:
    return [("", answer.lead), *answer.sections.items()]


def _check_lengths(answer: Answer, written: WrittenAnswer) -> Iterator[Problem]:
    if not answer.lead:
        yield written.problem(
            written.section_line(""), "lead_missing", "begin with a lead that answers at once, before any section"
        )
    for name, text in _parts(answer):
        limit, length = SECTION_LIMIT if name else LEAD_LIMIT, len(plain_text(text))
        if length > limit:
            code = "section_too_long" if name else "lead_too_long"
            reason = (
                f"{name or 'the lead'} has {length} characters, at most {limit} are allowed; shorten it or move some to a section"
            )
            yield written.problem(written.section_line(name), code, reason)
        if name and not text:
            yield written.problem(
                written.section_line(name), "section_empty", f"section {name} is empty; write it or delete its head"
            )


def _check_sections(written: WrittenAnswer) -> Iterator[Problem]:
    seen: list[str] = []
    for line in written.body():
        head = re.match(r"## +(.+?) *$", line.text)
        if head is None or head[1] not in SECTIONS:
            continue
        if head[1] in seen:
            yield written.problem(line.number, "section_twice", f"section {head[1]} stands twice; join the two")
        elif seen and SECTIONS.index(head[1]) < SECTIONS.index(seen[-1]):
            reason = f"section {head[1]} comes too late; the order is {', '.join(SECTIONS)}"
            yield written.problem(line.number, "section_order", reason, is_warning=True)
        seen.append(head[1])


def _check_markup(answer: Answer, written: WrittenAnswer) -> Iterator[Problem]:
    if _MENU_MARKS.search(answer.menu_title):
        reason = "menu_title carries a formatting character (* _ ~ or backquote), which stops delivery; delete it"
        yield written.problem(written.head_line("menu_title"), "menu_title_marks", reason)
    for line in written.body():
        for pattern, advice in _OUTSIDE_SUBSET:
            if pattern.search(line.text):
                yield written.problem(line.number, "markup", f"this is {advice}; see content/README.md for what is allowed")
                break
        else:
            if "**" in plain_text(line.text) or "](" in plain_text(line.text):
                yield written.problem(line.number, "markup", "a ** or a link is not closed on its line; close it or delete it")


def _check_claims(written: WrittenAnswer, facts: Sequence[str], base: FactBase) -> Iterator[Problem]:
    lines = [(written.head_line(key), text) for key, text in written.head_texts()]
    lines += [(line.number, line.plain) for line in written.body() if not line.text.startswith("## ")]
    for number, text in lines:
        for claim in find_claims(text):
            if claim.is_word and not claim.has_unit:
                continue
            problem = _problem_of(claim, facts, base)
            if problem:
                yield written.problem(number, *problem)


def _problem_of(claim: Claim, facts: Sequence[str], base: FactBase) -> tuple[str, str] | None:
    supporters = base.supporters(claim, facts)
    if not supporters:
        advice = "list the fact that says it in topic.yml, or take it out"
        return "unsupported_number", f"{claim.shown!r} is in none of the facts listed for this answer; {advice}"
    is_telephone = claim.kind is ClaimKind.PHONE or any(claim.value in fact.own_numbers for fact in supporters)
    if is_telephone and all(fact.is_low or fact.id in UNSAFE_NUMBERS for fact in supporters):
        names = ", ".join(fact.id for fact in supporters)
        return (
            "unsafe_phone",
            f"the number {claim.shown!r} rests only on {names}, which is not certain; take the number out",
        )
    return None


def _check_caution(answer: Answer, written: WrittenAnswer, facts: Sequence[str], base: FactBase) -> Iterator[Problem]:
    low = [fact_id for fact_id in facts if base.is_low(fact_id)]
    text = " ".join(text for _name, text in _parts(answer)).lower()
    phrases = _CAUTIONS.get(answer.locale, ())
    if low and not any(phrase in text for phrase in phrases):
        reason = f"{', '.join(low)} is of low confidence; say so ({', '.join(phrases)} ...), or stop listing it"
        yield written.problem(written.section_line(""), "caution_missing", reason)


def _check_ease(answer: Answer, written: WrittenAnswer) -> Iterator[Problem]:
    ease = reading_ease("\n\n".join(text for _name, text in _parts(answer)))
    if ease is None or ease >= MINIMUM_EASE:
        return
    lines = [(reading_ease(line.text), line.number) for line in written.body() if not line.text.startswith("#")]
    hardest = min(((value, number) for value, number in lines if value is not None), default=(0.0, 1))
    needed = f"reading ease is {ease:.0f}, at least {MINIMUM_EASE:.0f} is needed"
    reason = f"{needed}; use shorter words and sentences, in this line first"
    yield written.problem(hardest[1], "hard_to_read", reason)
