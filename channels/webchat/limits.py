"""What the page can show and take. No provider sets these figures: each is ours, with its reason."""

from __future__ import annotations

from bot.messages import ChannelLimits

TEXT = 6000
"""Characters of one bubble: about eight screens of a small phone; a longer text goes on in a bubble of its own."""

BUTTONS = 24
"""Buttons under one bubble: more do not help a person to choose, so the rest become numbered lines to type."""

BUTTON_TITLE = 60
"""Characters of a button: two lines at 320 px."""

LIMITS = ChannelLimits(
    text=TEXT,
    text_with_choices=TEXT,
    buttons=BUTTONS,
    button_title=BUTTON_TITLE,
    # As long as the longest message that people can send on Telegram, so that the engine sees the same everywhere.
    inbound_text=4096,
)
