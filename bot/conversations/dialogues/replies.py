"""The words of guided dialogues: a question with its options, what is said in between, and the outcome.

Questions, options and outcomes come from `content/dialogues/`, the sentences around them from `locales/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from bot.content.dialogues import UNSAID, Dialogue, Question, Step, holds, said
from bot.conversations.choices import fold
from bot.conversations.commands import payload
from bot.conversations.dialogues.answers import ANSWER, Move
from bot.conversations.dialogues.course import CHANGED, FIRST, OVER, REFUSED, answer_value, judge, plan_steps, story_answers
from bot.conversations.dialogues.state import Phase, State, asked, current_question
from bot.conversations.replies import Replies, point_lines
from bot.i18n import N_, format_day
from bot.messages import OutboundMessage, QuickReply

MOST_REASONS = 6
MOST_SOURCES = 3
_MOST_ROWS_WITH_BACK = 9
"""A list of more rows would not fit on WhatsApp with "back" under it."""
_BUTTONS = 3
_NOTES = {
    Move.WRONG_KIND.value: N_("dialogue.wrong_kind"),
    Move.SEVERAL.value: N_("dialogue.several"),
    Move.UNCLEAR.value: N_("dialogue.unclear"),
    CHANGED: N_("dialogue.changed"),
    FIRST: N_("dialogue.nothing_before"),
}


class DialogueReplies:
    """Composes what a guided dialogue says.

    Args:
        replies: knows titles, menu and help points.
        today: returns the present day.
    """

    def __init__(self, replies: Replies) -> None:
        self._replies = replies
        self._texts = replies.texts

    def ask(self, state: State, dialogue: Dialogue, locale: str) -> OutboundMessage:
        """Return what the person is asked now: the question, or how to go on."""
        if state.phase is Phase.STUCK:
            return self._ways_out(state, dialogue, locale)
        if state.phase in (Phase.ASIDE, Phase.STALE):
            return self._go_on(state, dialogue, locale)
        question = current_question(state, dialogue)
        if question is None:  # Nothing is left to ask; the outcome follows.
            return OutboundMessage("")
        asks = said(question.again if state.misses > 0 else question.ask, locale)
        parts = [self._note(state, locale), said(dialogue.intro, locale) if not state.answers and not state.note else ""]
        parts.append(f"{self._place(question, state, dialogue, locale)}{asks}")
        return OutboundMessage(_join(parts), self._options(question, state, dialogue, locale))

    def end(self, state: State, dialogue: Dialogue, locale: str) -> list[OutboundMessage]:
        """Return the outcome, or a word of parting when it was left; nothing when it was left in silence."""
        if state.phase is not Phase.LEFT:
            return self._outcome_of_kind(state, dialogue, locale)
        if state.note == Move.SILENT.value:
            return []
        if state.note == OVER:
            return [self._over(dialogue, locale)]
        if dialogue.survey and state.note == REFUSED:
            return [OutboundMessage(said(dialogue.survey.refused, locale), self._standard(locale))]
        key = N_("survey.left") if dialogue.survey else N_("dialogue.left")
        text = self._texts.text(locale, key, title=self._replies.title(dialogue.id, locale))
        return [OutboundMessage(text, (self._start(dialogue, locale), *self._standard(locale)))]

    def _place(self, question: Question, state: State, dialogue: Dialogue, locale: str) -> str:
        """Return where somebody is, "2 de 6."; the permission of a survey is none of its questions."""
        consent = dialogue.survey.consent if dialogue.survey else ""
        steps = [one for one in asked(state, dialogue) if one.id != consent]
        if question not in steps:
            return ""
        place = self._texts.text(locale, "dialogue.place", number=steps.index(question) + 1, count=len(steps))
        return f"*{place}* "

    def _outcome_of_kind(self, state: State, dialogue: Dialogue, locale: str) -> list[OutboundMessage]:
        if dialogue.survey:
            is_stored = bool(story_answers(state, dialogue))
            text = said(dialogue.survey.thanks if is_stored else dialogue.survey.refused, locale)
            leads = [one.topic for one in dialogue.leads_to if self._replies.is_offered(one.topic)]
            choices = [QuickReply(self._replies.title(topic, locale), payload(topic)) for topic in leads]
            return [OutboundMessage(text, (*choices, *reversed(self._standard(locale))))]
        return [self._plan(state, dialogue, locale)] if dialogue.is_plan else self._outcome(state, dialogue, locale)

    def _over(self, dialogue: Dialogue, locale: str) -> OutboundMessage:
        """Say that an old button belongs to a dialogue that has ended, and offer to begin it anew."""
        key = N_("survey.over") if dialogue.survey else N_("dialogue.over")
        text = self._texts.text(locale, key, title=self._replies.title(dialogue.id, locale))
        return OutboundMessage(text, (self._move(dialogue, Move.ANEW, N_("choices.anew"), locale), *self._standard(locale)))

    def _options(self, question: Question, state: State, dialogue: Dialogue, locale: str) -> tuple[QuickReply, ...]:
        rows = [(said(option.title, locale), answer_value(question, option.id)) for option in question.shown]
        if not dialogue.survey:
            rows.append((self._texts.text(locale, "choices.unsaid"), answer_value(question, UNSAID)))
        elif question.id != dialogue.survey.consent:
            rows.append((self._texts.text(locale, N_("choices.rather_not")), answer_value(question, UNSAID)))
        choices = [QuickReply(title, payload(dialogue.id, **{ANSWER: value})) for title, value in rows]
        if state.answers and _BUTTONS < len(choices) <= _MOST_ROWS_WITH_BACK:
            choices.append(self._move(dialogue, Move.BACK, N_("choices.back"), locale))
        return tuple(choices)

    def _note(self, state: State, locale: str) -> str:
        key = _NOTES.get(state.note)
        return self._texts.text(locale, key) if key else ""

    def _go_on(self, state: State, dialogue: Dialogue, locale: str) -> OutboundMessage:
        is_stale = state.phase is Phase.STALE
        key = N_("dialogue.go_on_or_anew") if is_stale else N_("dialogue.go_on")
        text = self._texts.text(locale, key, title=self._replies.title(dialogue.id, locale))
        choices = [self._move(dialogue, Move.GO_ON, N_("choices.go_on"), locale)]
        choices += [self._move(dialogue, Move.ANEW, N_("choices.anew"), locale)] if is_stale else []
        choices.append(self._move(dialogue, Move.LEAVE, N_("choices.leave"), locale))
        return OutboundMessage(_join([self._note(state, locale), text]), tuple(choices))

    def _ways_out(self, state: State, dialogue: Dialogue, locale: str) -> OutboundMessage:
        text = self._texts.text(locale, "dialogue.ways_out")
        choices = [self._move(dialogue, Move.GO_ON, N_("choices.go_on"), locale), *reversed(self._standard(locale))]
        return OutboundMessage(text, (*choices, self._move(dialogue, Move.LEAVE, N_("choices.leave"), locale)))

    def _move(self, dialogue: Dialogue, move: Move, key: str, locale: str) -> QuickReply:
        return QuickReply(self._texts.text(locale, key), payload(dialogue.id, **{ANSWER: move.value}))

    def _start(self, dialogue: Dialogue, locale: str) -> QuickReply:
        return QuickReply(self._replies.title(dialogue.id, locale), payload(dialogue.id))

    def _standard(self, locale: str) -> tuple[QuickReply, ...]:
        menu = QuickReply(self._texts.text(locale, "choices.menu"), payload("menu"))
        return menu, QuickReply(self._replies.title("talk_to_person", locale), payload("talk_to_person"))

    def _outcome(self, state: State, dialogue: Dialogue, locale: str) -> list[OutboundMessage]:
        outcome = judge(state, dialogue)
        parts = [f"**{said(outcome.level.title, locale)}**"]
        if outcome.reasons:
            reasons = [f"- {said(option.reason, locale)}" for option in outcome.reasons[:MOST_REASONS]]
            parts.append("\n".join([self._texts.text(locale, "dialogue.reasons"), *reasons]))
        names = [said(dialogue.signs[name].name, locale) for name in outcome.signs]
        if names:
            facts = [fact for name in outcome.signs for fact in dialogue.signs[name].facts]
            parts.append(self._texts.text(locale, "dialogue.signs", signs=", ".join(names)))
            parts.append(self._sources(facts, dialogue, locale))
        if date.today() > dialogue.review_by:
            parts.append(self._texts.text(locale, "notice.past_review", date=format_day(dialogue.review_by, locale)))
        return [OutboundMessage(_join(parts)), self._advice(state, dialogue, said(outcome.level.advice, locale), locale)]

    def _advice(self, state: State, dialogue: Dialogue, advice: str, locale: str) -> OutboundMessage:
        known = self._replies.library.loaded.help_points
        points = [point_lines(known[slug], locale) for slug in dialogue.help_points if slug in known]
        where = [self._texts.text(locale, "dialogue.where"), *points] if points else []
        leads = [one.topic for one in dialogue.leads_to if holds(one.when, state.answers)]
        choices = [
            QuickReply(self._replies.title(topic, locale), payload(topic)) for topic in leads if self._replies.is_offered(topic)
        ]
        return OutboundMessage(_join([advice, *where]), (*choices, *reversed(self._standard(locale))))

    def _plan(self, state: State, dialogue: Dialogue, locale: str) -> OutboundMessage:
        """Return the steps in one message: what, why, what to bring and where; then their answers as choices."""
        steps = [step for step in plan_steps(state, dialogue) if self._replies.is_offered(step.topic)]
        lines = [f"{number}. {self._step(step, state, dialogue, locale)}" for number, step in enumerate(steps, 1)]
        found = [self._replies.library.find(step.topic, "", locale) for step in steps]
        days = [one.provenance.reviewed_on for one in found if one]
        checked = format_day(min(days, default=dialogue.reviewed_on), locale)
        head, foot = self._texts.text(locale, "plan.title"), self._texts.text(locale, "plan.checked", checked=checked)
        choices = [QuickReply(self._replies.title(step.topic, locale), payload(step.topic)) for step in steps]
        mine = QuickReply(self._texts.text(locale, "choices.my_plan"), payload("my_plan"))
        return OutboundMessage("\n".join([f"**{head}**", *lines, "", foot]), (*choices, mine, self._standard(locale)[0]))

    def _step(self, step: Step, state: State, dialogue: Dialogue, locale: str) -> str:
        title = said(step.title, locale) or self._replies.title(step.topic, locale)
        parts = [f"**{title}**: {said(step.why, locale)}"]
        if step.bring:
            parts.append(self._texts.text(locale, "plan.bring", what=said(step.bring, locale)))
        point = self._nearest(step, state, dialogue)
        if point:
            place = ", ".join(str(point[key]) for key in ("name", "address", "phone") if point.get(key))
            parts.append(place if point["confidence"] != "low" else self._texts.text(locale, "plan.unsure", place=place))
        return " ".join(parts)

    def _nearest(self, step: Step, state: State, dialogue: Dialogue) -> Mapping[str, Any] | None:
        """Return the help point in the person's city, else one without a city: a line or a page for all."""
        known = self._replies.library.loaded.help_points
        points = [known[slug] for slug in step.help_points if slug in known]
        question = dialogue.question(dialogue.city)
        option = question.option(state.answers.get(dialogue.city, "")) if question else None
        city = fold(said(option.title, "es")) if option else ""
        here = [point for point in points if city and fold(str(point.get("city", ""))) == city]
        return next(iter([*here, *(point for point in points if not point.get("city"))]), None)

    def _sources(self, facts: Sequence[str], dialogue: Dialogue, locale: str) -> str:
        """Name the publishers of the facts, one sign's after the other, and the day on which the file was checked."""
        known = self._replies.library.loaded.facts
        publishers = list(dict.fromkeys(str(known[fact].get("publisher", "")) for fact in facts if fact in known))
        named = "; ".join([name for name in publishers if name][:MOST_SOURCES])
        return self._texts.text(locale, "dialogue.sources", sources=named, checked=format_day(dialogue.reviewed_on, locale))


def _join(parts: Sequence[str]) -> str:
    return "\n\n".join(part for part in parts if part)
