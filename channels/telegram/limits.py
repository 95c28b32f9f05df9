"""What Telegram can show and take, each figure with the page it comes from."""

from __future__ import annotations

from bot.messages import ChannelLimits

TEXT = 4096
"""Characters of one message after its marks are read, https://core.telegram.org/bots/api#sendmessage ."""

BUTTONS = 100
"""Buttons of one inline keyboard; Telegram states no figure and refuses more. See
`InlineKeyboardMarkupLimit.TOTAL_BUTTON_NUMBER` in
https://docs.python-telegram-bot.org/en/stable/telegram.constants.html ."""

CALLBACK_DATA_BYTES = 64
"""Bytes that a button may carry, https://core.telegram.org/bots/api#inlinekeyboardbutton ."""

BUTTON_TITLE = 40
"""Characters of a button. Ours: https://core.telegram.org/bots/api#inlinekeyboardbutton states no limit, and
applications show one line and hide what is longer; 40 characters fill the line of a small phone."""

SHORT_TITLE = 16
"""Characters up to which two buttons share a line. Ours, half of a small phone's line less the space between them."""

MESSAGES_PER_SECOND = 25.0
"""Over the whole bot: Telegram takes about 30 a second, less a margin for answers to buttons. See
https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this . The same page asks for at most one a
second in one chat but allows short bursts, so the parts of one reply go out together, and a 429 with its waiting time
slows the rest."""

LIMITS = ChannelLimits(
    text=TEXT,
    text_with_choices=TEXT,
    buttons=BUTTONS,
    button_title=BUTTON_TITLE,
    token_bytes=CALLBACK_DATA_BYTES,
    # A message that a person sends has the same limit, https://core.telegram.org/bots/api#message .
    inbound_text=TEXT,
    messages_per_second=MESSAGES_PER_SECOND,
)
