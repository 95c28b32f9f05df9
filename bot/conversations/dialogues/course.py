"""The course of a guided dialogue: what a message means where somebody is, and where that leads. Pure functions, no words."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from bot.content.dialogues import NO, UNSAID, YES, Alarm, Dialogue, Level, Option, Question, Step, holds
from bot.conversations.dialogues.answers import DialogueWords, Move, read_move, read_option, read_yes_no
from bot.conversations.dialogues.state import Phase, State, asked, current_question, fitting

MISSES_BEFORE_WAYS_OUT = 2
"""A question is asked again once in other words; the next miss gets the ways out."""
MOST_STEPS = 8
"""With "my plan" and the menu they make the ten rows of a list on WhatsApp."""
ENDINGS = frozenset({"menu", "goodbye"})
"""Intents that leave the dialogue without a question."""
CHANGED, FIRST = "changed", "first"
OVER, REFUSED = "over", "refused"
"""Notes: an earlier answer was changed; there is nothing to go back to; the button belongs to a dialogue that has ended; no
permission was given."""
_YES_NO = {"affirm": YES, "deny": NO}
_NO_TOPIC = frozenset(
    {"nlu_fallback", "out_of_scope", "inform_destination", "repeat_or_explain", "more_detail", "affirm", "deny"}
)
"""Intents that are nothing of their own in the middle of a dialogue."""
_MISSES = (Move.WRONG_KIND, Move.SEVERAL, Move.UNCLEAR)
_SEPARATOR = "."


@dataclass(frozen=True)
class Heard:
    """A message as the engine read it.

    Attributes:
        intent: what the classifier or the tapped choice says.
        answer: what the tapped choice of a dialogue carries.
        text: what was typed, masked; empty for a tap.
        is_edit: it is an earlier message with a new text.
    """

    intent: str
    answer: str = ""
    text: str = ""
    is_edit: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a check ended.

    Attributes:
        reasons: the options that named it, the heaviest first.
        signs: ids of the signs that were found.
    """

    level: Level
    reasons: tuple[Option, ...]
    signs: tuple[str, ...]


def answer_value(question: Question, option_id: str) -> str:
    """Return what the choice of an option carries."""
    return f"{question.id}{_SEPARATOR}{option_id}"


def understand(state: State, dialogue: Dialogue, heard: Heard, words: DialogueWords, urgent: Collection[str]) -> str:
    """Return the answer or move that a message is; empty: it is about something else, and another rule answers it."""
    if heard.answer:
        return heard.answer if heard.intent == state.dialogue else ""
    if not heard.text:  # A tap on something else, or a reviewed urgent phrase.
        return ""
    if heard.intent in urgent:  # By the classifier: "mi primo" alone makes it think of missing persons.
        return _whole_answer(state, dialogue, heard, words)
    move = read_move(heard.text, words)
    if move:
        return move.value
    agreed = read_yes_no(heard.text, words) or _YES_NO.get(heard.intent, "")
    if agreed and state.phase in (Phase.ASIDE, Phase.STALE, Phase.STUCK):
        return Move.GO_ON.value if agreed == YES else Move.LEAVE.value
    question = current_question(fitting(state, dialogue), dialogue)
    option = read_option(heard.text, question, words) if question else ""
    if not option and question and question.option(agreed):
        option = agreed
    if question and option:
        return option if option == Move.SEVERAL.value else answer_value(question, option)
    return Move.UNCLEAR.value if heard.intent in _NO_TOPIC else ""


def edited_answer(state: State, dialogue: Dialogue, heard: Heard, words: DialogueWords) -> str:
    """Return the answer to the question before, when somebody has put another one into the message that had answered it."""
    state = fitting(state, dialogue)
    last = next(iter([*state.answers][-1:]), "")
    question = dialogue.question(last) if heard.is_edit and state.phase is Phase.ASK else None
    if question is None:
        return ""
    offered = [*(option.id for option in question.shown), UNSAID]
    typed = heard.text.strip()
    number = int(typed) if typed.isdecimal() and len(typed) <= 2 else 0
    option = offered[number - 1] if 0 < number <= len(offered) else read_option(typed, question, words, only_whole=True)
    return answer_value(question, option) if option and option != Move.SEVERAL.value else ""


def _whole_answer(state: State, dialogue: Dialogue, heard: Heard, words: DialogueWords) -> str:
    question = current_question(fitting(state, dialogue), dialogue) if state.phase is Phase.ASK else None
    option = read_option(heard.text, question, words, only_whole=True) if question else ""
    return answer_value(question, option) if question and option and option != Move.SEVERAL.value else ""


def advance(state: State, dialogue: Dialogue, value: str) -> State:
    """Return the state after an answer or a move."""
    state = fitting(state, dialogue)
    name, _, option = value.partition(_SEPARATOR)
    if option:
        return _answered(state, dialogue, name, option)
    move = Move(value) if value in set(Move) else Move.UNCLEAR
    if move in _MISSES:
        return _missed(state, move)
    if move in (Move.LEAVE, Move.SILENT):
        answers = {} if dialogue.survey else state.answers
        return replace(state, phase=Phase.LEFT, answers=answers, misses=0, note=move.value)
    plain = replace(state, phase=Phase.ASK, misses=0, note="")
    if move is Move.ANEW:
        return replace(plain, answers={})
    if move is Move.BACK and state.phase in (Phase.ASK, Phase.STUCK):
        kept = list(state.answers.items())[:-1]
        return replace(plain, answers=dict(kept), note=Move.BACK.value if state.answers else FIRST)
    return plain


def _answered(state: State, dialogue: Dialogue, name: str, option: str) -> State:
    question = dialogue.question(name)
    if question is None or not (option == UNSAID or question.option(option)):
        return _missed(state, Move.UNCLEAR)  # The button of an older file.
    if dialogue.survey and name == dialogue.survey.consent and option != YES:
        return replace(state, phase=Phase.LEFT, answers={}, misses=0, note=REFUSED)
    before = state.answers.get(name)
    note = CHANGED if before not in (None, option) else ""
    return fitting(replace(state, answers={**state.answers, name: option}, phase=Phase.ASK, misses=0, note=note), dialogue)


def _missed(state: State, move: Move) -> State:
    misses = state.misses + 1
    is_stuck = misses >= MISSES_BEFORE_WAYS_OUT or state.phase is Phase.STUCK
    return replace(state, misses=misses, note=move.value, phase=Phase.STUCK if is_stuck else state.phase)


def is_over(state: State, dialogue: Dialogue) -> bool:
    """Tell whether the dialogue has ended: left, an alarm, or no question left."""
    if state.is_past:
        return True
    return state.phase is Phase.ASK and (raised_alarm(state, dialogue) is not None or current_question(state, dialogue) is None)


def raised_alarm(state: State, dialogue: Dialogue) -> Alarm | None:
    """Return the alarm that the answers so far raise."""
    return next((alarm for alarm in dialogue.alarms if holds(alarm.when, state.answers)), None)


def judge(state: State, dialogue: Dialogue) -> Outcome:
    """Return the outcome of a check; the checks of the content make sure that some level always fits."""
    chosen = [question.option(state.answers.get(question.id, "")) for question in asked(state, dialogue)]
    options = [option for option in chosen if option]
    score = sum(option.weight for option in options)
    unsaid = sum(option == UNSAID for option in state.answers.values())
    level = next((one for one in dialogue.levels if fits(one, score, unsaid)), dialogue.levels[-1])
    reasons = sorted((option for option in options if option.reason and option.weight > 0), key=lambda one: -one.weight)
    signs = tuple(name for name in dialogue.signs if any(name in option.signs for option in options))
    return Outcome(level, tuple(reasons), signs)


def plan_steps(state: State, dialogue: Dialogue) -> list[Step]:
    """Return the steps of a plan that apply, in their order."""
    return [step for step in dialogue.steps if holds(step.when, state.answers)][:MOST_STEPS]


def story_answers(state: State, dialogue: Dialogue) -> dict[str, str]:
    """Return what a survey stores: options by question, in the file's order, without the permission and what was not said."""
    if dialogue.survey is None or state.phase is not Phase.ASK or state.answers.get(dialogue.survey.consent) != YES:
        return {}
    said = {question.id: state.answers.get(question.id, UNSAID) for question in dialogue.questions}
    return {name: option for name, option in said.items() if option != UNSAID and name != dialogue.survey.consent}


def fits(level: Level, score: int, unsaid: int) -> bool:
    """Tell whether a level's conditions hold."""
    return (level.least is None or score >= level.least) and unsaid >= level.unsaid_least
