"""The card of an emergency without the engine: for the gateway while no worker runs, and for a worker whose engine fails."""

from __future__ import annotations

from bot.conversations.destinations import Destinations
from bot.conversations.replies import Replies
from bot.conversations.turns import Turn
from bot.conversations.urgent import UrgentMatch
from bot.messages import OutboundMessage


def card_locale(match: UrgentMatch, turn: Turn) -> str:
    """Return the language of the card: the contact's, or that of the phrase while theirs is not known."""
    return match.locale if turn.locale_source == "default" and match.locale else turn.locale


def urgent_card(match: UrgentMatch, turn: Turn, replies: Replies, destinations: Destinations | None) -> OutboundMessage:
    """Return the card of an emergency, with the numbers of the country that was named.

    Args:
        destinations: finds the country; without it the card names Ecuador's numbers.
    """
    named = destinations.find(turn.text) if destinations else []
    return replies.answer(match.topic, named[0].value if named else "", card_locale(match, turn))
