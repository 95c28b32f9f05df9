"""The desk of "mi plan": shows a kept plan, ticks a step off, deletes it; without the engine, in any state of a dialogue."""

from __future__ import annotations

from dataclasses import replace

from bot.content.dialogues import Step, said
from bot.conversations.choices import fold
from bot.conversations.commands import payload, read_command
from bot.conversations.dialogues.answers import DialogueWords
from bot.conversations.effects import Effect, EffectKind
from bot.conversations.plans import KeptItem, KeptPlan, PlanReader
from bot.conversations.replies import Replies
from bot.conversations.turns import Trace, Turn, TurnResult
from bot.i18n import N_, format_day
from bot.messages import InboundKind, OutboundMessage, QuickReply

MY_PLAN = "my_plan"
"""What the choices of a plan carry: nothing shows it, `tick` with a topic turns a step to done or back, `delete` deletes it."""
TICK, DELETE = "tick", "delete"
DONE, OPEN = "✅", "⬜"
_TITLE_LIMIT = 24
_TRACE = "plan_return"


class PlanDesk:
    """Answers what people want of their plan."""

    def __init__(self, words: DialogueWords, reader: PlanReader, replies: Replies) -> None:
        self._words = words
        self._reader = reader
        self._replies = replies
        self._texts = replies.texts

    def hear(self, turn: Turn, masked: str, chosen: str) -> TurnResult | None:
        """Return what a typed "mi plan" or a choice of a plan asks for; None when it is neither.

        Args:
            masked: the text without personal numbers, which is what is kept of it.
            chosen: the payload of what was chosen; empty when nothing was.
        """
        command = read_command(chosen) if chosen else None
        if command is not None and command.intent == MY_PLAN:
            return self._answer(turn, masked, command.entities)
        is_typed = turn.kind in (InboundKind.TEXT, InboundKind.EDITED)
        if is_typed and self._words.means(fold(turn.text), MY_PLAN):
            return self._answer(turn, masked, {})
        return None

    def _answer(self, turn: Turn, masked: str, wish: dict[str, str]) -> TurnResult:
        # A turn that no database holds comes from a tool: nothing is kept of it.
        plan = self._reader.read(turn.contact_id) if turn.inbound_id else None
        effect: Effect | None = None
        if plan is None:
            reply = self._none(turn.locale)
        elif DELETE in wish:
            effect = Effect(EffectKind.DELETE_PLAN)
            reply = self._replies.sentence("plan.deleted", turn.locale)
        else:
            topic = wish.get(TICK, "")
            if any(item.topic == topic for item in plan.items):
                effect = Effect(EffectKind.TICK_PLAN, topics=(topic,))
                items = [KeptItem(one.topic, one.is_done ^ (one.topic == topic)) for one in plan.items]
                plan = replace(plan, items=tuple(items))
            reply = self._show(plan, turn.locale)
        trace = Trace("flow", _TRACE, ranking=((_TRACE, 1.0),))
        return TurnResult([reply], masked, turn.locale, turn.locale_source, trace=trace, effect=effect)

    def _show(self, plan: KeptPlan, locale: str) -> OutboundMessage:
        steps = self._steps(plan)
        known = [item for item in plan.items if item.topic in steps]
        lines = [
            f"{DONE if item.is_done else OPEN} **{self._title(item.topic, locale)}**: {said(steps[item.topic].why, locale)}"
            for item in known
        ]
        done = sum(item.is_done for item in known)
        dates = {"made": format_day(plan.made_at.date(), locale), "until": format_day(plan.until.date(), locale)}
        head = self._texts.text(locale, "plan.mine", done=done, count=len(known), **dates)
        ask = self._texts.text(locale, "plan.tick") if known else ""
        choices = [self._tick(item, locale) for item in known]
        choices.append(QuickReply(self._texts.text(locale, "choices.delete_plan"), payload(MY_PLAN, **{DELETE: "yes"})))
        return OutboundMessage("\n\n".join(part for part in (head, *lines, ask) if part), (*choices, self._menu(locale)))

    def _tick(self, item: KeptItem, locale: str) -> QuickReply:
        title = f"{DONE if item.is_done else OPEN} {self._title(item.topic, locale)}"
        return QuickReply(title[:_TITLE_LIMIT], payload(MY_PLAN, **{TICK: item.topic}))

    def _steps(self, plan: KeptPlan) -> dict[str, Step]:
        dialogue = self._replies.library.loaded.dialogues.get(plan.dialogue)
        return {step.topic: step for step in dialogue.steps} if dialogue else {}

    def _none(self, locale: str) -> OutboundMessage:
        start = QuickReply(self._replies.title(_TRACE, locale), payload(_TRACE))
        return OutboundMessage(self._texts.text(locale, N_("plan.none")), (start, self._menu(locale)))

    def _title(self, topic: str, locale: str) -> str:
        return self._replies.title(topic, locale)

    def _menu(self, locale: str) -> QuickReply:
        return QuickReply(self._texts.text(locale, "choices.menu"), payload("menu"))
