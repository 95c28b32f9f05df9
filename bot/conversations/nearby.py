"""The desk for help nearby: a position or a town, a need, and then the nearest places.

A position is turned into a town at once and forgotten. What was said so far travels in the buttons, encrypted and for an hour, so
the dialogue needs no memory of the engine's and leaves none behind. Decision record 0015.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from bot.conversations.commands import payload
from bot.conversations.nearby_search import NearbySearch
from bot.conversations.needs import Needs, read_needs
from bot.conversations.place_finder import PlaceFinder
from bot.conversations.replies import Replies
from bot.conversations.turns import Trace, Turn, TurnResult
from bot.errors import SettingsError
from bot.geography.gazetteer import HOME, Town
from bot.i18n import N_, Catalogues, country_name
from bot.messages import InboundKind, OutboundMessage, QuickReply
from bot.storage.vault import Vault

TOPIC = "nearby_services"
NEAR = "near:"
"""How the payload of a choice of this desk begins; the rest is encrypted."""
CHOICES_MINUTES = 60
"""How long its choices can be taken: long enough to answer, short enough that no town lies about."""
ANY = "any"
PLACE, NEED = "place", "need"
_MOST_WORDS = 8
"""A longer message says something else as well, so the engine reads it."""
_MOST_CHOICES = 10
"""A list of WhatsApp has so many rows."""
_MOST_OTHERS = 2
"""Places of another kind that are named when there is none of the kind that was asked for."""
_TYPED = (InboundKind.TEXT, InboundKind.EDITED)


@dataclass(frozen=True)
class Asked:
    """What a choice means for a search.

    Attributes:
        town: the key of a town; empty: not known yet.
        need: the name of a need; empty: not known yet; `ANY` for all.
        question: what the bot had asked when it offered the choice: `PLACE`, `NEED`, or nothing.
    """

    town: str = ""
    need: str = ""
    question: str = ""


class NearbyDesk:
    """Answers where help is.

    Args:
        clock: returns the present time, aware UTC.
    """

    def __init__(
        self, finder: PlaceFinder, needs: Needs, vault: Vault, texts: Catalogues, replies: Replies, clock: Callable[[], datetime]
    ) -> None:
        self._finder = finder
        self._needs = needs
        self._vault = vault
        self._texts = texts
        self._replies = replies
        self._clock = clock
        self._search = NearbySearch(replies.library, texts, finder.gazetteer)

    @classmethod
    def open(cls, intents: Path, vault: Vault, texts: Catalogues, replies: Replies, clock: Callable[[], datetime]) -> NearbyDesk:
        """Return a desk with the vocabulary of an intents folder."""
        needs = read_needs(intents / "vocabulary" / "needs.yml")
        return cls(PlaceFinder.open(intents), needs, vault, texts, replies, clock)

    @property
    def finder(self) -> PlaceFinder:
        """What finds the towns; large enough to be shared."""
        return self._finder

    def locate(self, turn: Turn) -> TurnResult | None:
        """Return the reply to a shared position, which is not kept; None when the message holds none."""
        if turn.location is None:
            return None
        town = self._finder.gazetteer.nearest(turn.location.latitude, turn.location.longitude)
        if town is None:
            return self._result(turn, "", self._ask_place("", turn.locale, N_("nearby.position_unknown")))
        before = self._before(turn)
        need = before.need if before and before.question == PLACE else ""
        reply = self._go_on(Asked(town.key, need), turn.locale)
        promise = self._texts.text(turn.locale, "nearby.not_kept")
        return self._result(turn, "", replace(reply, text=f"{reply.text}\n\n{promise}"))

    def tap(self, turn: Turn, chosen: str, masked: str) -> TurnResult | None:
        """Return what a choice of this desk gets, or None when it is another's."""
        if not chosen.startswith(NEAR):
            return None
        asked = self._read(chosen)
        if asked is None:
            return self._result(turn, masked, self._replies.sentence("reply.choice_expired", turn.locale))
        return self._result(turn, masked, self._go_on(asked, turn.locale))

    def hear(self, turn: Turn, masked: str) -> TurnResult | None:
        """Return the reply to typed words that answer our question, or None when they say anything else."""
        before = self._before(turn) if turn.kind in _TYPED else None
        if before is None or not before.question or len(turn.text.split()) > _MOST_WORDS:
            return None
        found, need = self._finder.find(turn.text), self._needs.find(turn.text)
        if before.question == PLACE:
            said = Asked(found.town.key if found else "", need.name if need else before.need)
            is_answer = found is not None and (found.is_all or need is not None)
        else:
            said = Asked(found.town.key if found else before.town, need.name if need else "")
            is_answer = need is not None or (found is not None and found.is_all)
        return self._result(turn, "", self._go_on(said, turn.locale)) if is_answer else None

    def complete(self, turn: Turn, result: TurnResult, *, is_tapped: bool) -> TurnResult:
        """Put our reply in place of the engine's when somebody asks for help nearby, or says nothing but where they are."""
        text = "" if is_tapped or turn.kind not in _TYPED else turn.text
        is_ours = result.trace.topic == TOPIC
        is_place = result.trace.topic == "inform_destination"  # A town of Ecuador counts as its country there.
        if not is_ours and not (text and (is_place or result.trace.is_miss or result.trace.decision == "choices")):
            return result
        found, need = (self._finder.find(text), self._needs.find(text)) if text else (None, None)
        says_so = found and (found.is_all or (need and not is_place)) and not (is_place and found.town.country != HOME)
        if not is_ours and not says_so:
            return result
        reply = self._go_on(Asked(found.town.key if found else "", need.name if need else ""), result.locale)
        trace = result.trace if is_ours else Trace("flow", TOPIC)
        return replace(result, replies=[reply], trace=trace)

    def _go_on(self, asked: Asked, locale: str) -> OutboundMessage:
        """Ask for what is missing, or answer."""
        town = self._finder.gazetteer.by_key(asked.town)
        if town is None:
            return self._ask_place(asked.need, locale, N_("nearby.where"))
        return self._answer(town, asked.need, locale) if asked.need else self._ask_need(town, locale)

    def _ask_place(self, need: str, locale: str, key: str) -> OutboundMessage:
        towns = self._finder.offered()
        choices = [self._choice(self._finder.shown(town), Asked(town.key, need, PLACE)) for town in towns]
        return OutboundMessage(
            self._texts.text(locale, key),
            (*choices, self._menu(locale)),
            choices_minutes=CHOICES_MINUTES,
            asks_location=True,
            location_title=self._texts.text(locale, "nearby.share"),
        )

    def _ask_need(self, town: Town, locale: str) -> OutboundMessage:
        names = [name for name in self._needs.by_name if self._search.has_any(town.country, self._needs.by_name[name])]
        if not names:  # Nothing that we know of is there, so there is nothing to choose.
            return self._answer(town, ANY, locale)
        named = [*names[: _MOST_CHOICES - 1], ANY]
        choices = [self._choice(self._texts.text(locale, f"need.{name}"), Asked(town.key, name, NEED)) for name in named]
        text = self._texts.text(locale, "nearby.what", place=self._name(town, locale))
        return OutboundMessage(text, tuple(choices), choices_minutes=CHOICES_MINUTES)

    def _answer(self, town: Town, name: str, locale: str) -> OutboundMessage:
        need = self._needs.by_name.get(name)
        near, now = self._search.near(town, need), self._clock()
        place = self._name(town, locale)
        title = self._texts.text(locale, f"need.{need.name}" if need else "nearby.help")
        head = self._texts.text(locale, "nearby.title", need=title, place=place)
        parts = [f"**{head}**"]
        parts += [self._search.place_text(one, number, now, locale) for number, one in enumerate(near, 1)]
        if not near:
            parts.append(self._texts.text(locale, "nearby.none", place=place))
            others = self._search.near(town, None)[:_MOST_OTHERS] if need else []
            parts += [self._texts.text(locale, "nearby.others")] if others else []
            parts += [self._search.place_text(one, number, now, locale) for number, one in enumerate(others, 1)]
        lines = [self._search.line_text(point, locale) for point in self._search.nationwide(town, need)]
        parts += [self._texts.text(locale, "nearby.by_phone"), *lines] if lines else []
        if not near or town.country != HOME:
            parts.append(self._search.numbers_text(town.country, need, locale))
        parts.append(self._texts.text(locale, "nearby.check_first"))
        choices = (
            self._choice(self._texts.text(locale, "nearby.other_need"), Asked(town.key)),
            self._choice(self._texts.text(locale, "nearby.other_place"), Asked(need=name)),
            self._menu(locale),
        )
        return OutboundMessage("\n\n".join(parts), choices, choices_minutes=CHOICES_MINUTES)

    def _name(self, town: Town, locale: str) -> str:
        """Return a town with its province, or its country when that is not Ecuador."""
        shown = self._finder.shown(town)
        inside = town.province if town.country == HOME else country_name(town.country, locale)
        return shown if shown == inside else f"{shown} ({inside})"

    def _before(self, turn: Turn) -> Asked | None:
        """Return what stood behind the choices that were last offered, if they were this desk's."""
        ours = next((choice.payload for choice in turn.choices if choice.payload.startswith(NEAR)), "")
        return self._read(ours) if ours else None

    def _choice(self, title: str, asked: Asked) -> QuickReply:
        return QuickReply(title, NEAR + self._vault.encrypt(json.dumps(asdict(asked))).decode())

    def _read(self, chosen: str) -> Asked | None:
        try:
            return Asked(**json.loads(self._vault.decrypt(chosen[len(NEAR) :].encode())))
        except (SettingsError, ValueError, TypeError):  # Made with a key that is gone: as good as expired.
            return None

    def _menu(self, locale: str) -> QuickReply:
        return QuickReply(self._texts.text(locale, "choices.menu"), payload("menu"))

    @staticmethod
    def _result(turn: Turn, masked: str, reply: OutboundMessage) -> TurnResult:
        return TurnResult([reply], masked, turn.locale, turn.locale_source, trace=Trace("flow", TOPIC))


_NEED_KEYS = (
    N_("nearby.help"),
    *(N_("need.shelter"), N_("need.health"), N_("need.safety"), N_("need.legal"), N_("need.documents")),
    *(N_("need.consulate"), N_("need.return"), N_("need.children"), N_("need.work"), N_("need.any")),
)
"""The titles of the needs in `needs.yml`, marked for extraction."""
