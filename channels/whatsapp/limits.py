"""What WhatsApp and Twilio can show and take, each figure with the page it comes from."""

from __future__ import annotations

from bot.messages import ChannelLimits

TEXT = 1600
"""Characters of a message without a template, https://www.twilio.com/docs/api/errors/21617 ."""

TEXT_WITH_CHOICES = 1024
"""Characters above buttons, https://www.twilio.com/docs/content/twilio-quick-reply , and above a list,
https://www.twilio.com/docs/content/twiliolist-picker ."""

BUTTONS = 3
"""Buttons without an approval by WhatsApp, https://www.twilio.com/docs/content/twilio-quick-reply ."""

BUTTON_TITLE = 20
"""Characters of a button, also of the one that opens a list: WhatsApp's own limit,
https://developers.facebook.com/docs/whatsapp/cloud-api/messages/interactive-reply-buttons-messages ."""

LIST_ROWS = 10
"""Rows of a list, https://www.twilio.com/docs/content/twiliolist-picker ."""

LIST_TITLE = 24
"""Characters of a row's title, same page."""

LIST_DESCRIPTION = 72
"""Characters of a row's second line, same page."""

TOKEN_BYTES = 200
"""Length of a row's id, same page."""

INBOUND_TEXT = 4096
"""Characters that WhatsApp lets a person write in one message,
https://developers.facebook.com/docs/whatsapp/cloud-api/messages/text-messages ."""

SERVICE_WINDOW_HOURS = 24
"""Hours in which an answer needs no approved template, https://www.twilio.com/docs/api/errors/63016 ."""

MESSAGES_PER_SECOND = 80.0
"""Of one sender; more is queued at Twilio, https://www.twilio.com/docs/whatsapp/best-practices-and-faqs . The sandbox
takes one every three seconds, https://support.twilio.com/hc/en-us/articles/360024008153-WhatsApp-Rate-Limiting ."""

LIMITS = ChannelLimits(
    text=TEXT,
    text_with_choices=TEXT_WITH_CHOICES,
    buttons=BUTTONS,
    button_title=BUTTON_TITLE,
    list_rows=LIST_ROWS,
    list_title=LIST_TITLE,
    list_description=LIST_DESCRIPTION,
    token_bytes=TOKEN_BYTES,
    inbound_text=INBOUND_TEXT,
    service_window_hours=SERVICE_WINDOW_HOURS,
    messages_per_second=MESSAGES_PER_SECOND,
)


def length(text: str) -> int:
    """Count in UTF-16 units, the stricter way to count an emoji; Twilio's pages do not say which way they mean."""
    return len(text.encode("utf-16-le", "replace")) // 2
