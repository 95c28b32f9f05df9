"""What Twilio's errors mean to us, whether they come with the call or later in a delivery report."""

from __future__ import annotations

from bot.errors import SendFailure

OPT_OUT_CODES = frozenset({"21610", "63014", "63033"})
"""The contact said stop or blocked us: https://www.twilio.com/docs/api/errors/21610 , .../63014 , .../63033 ."""

# Each code has its page, https://www.twilio.com/docs/api/errors/<code> .
_FAILURES: dict[int, SendFailure] = {
    **dict.fromkeys((20429, 21611, 63017, 63018), SendFailure.RATE_LIMITED),
    **dict.fromkeys((20500, 20503, 30001, 63012), SendFailure.PROVIDER_DOWN),
    **dict.fromkeys((21610,), SendFailure.OPTED_OUT),
    **dict.fromkeys((63014, 63033), SendFailure.BLOCKED_BY_CONTACT),
    **dict.fromkeys((21211, 21408, 21608, 21614, 63003, 63015, 63024), SendFailure.ADDRESS_UNREACHABLE),
    **dict.fromkeys((63016,), SendFailure.WINDOW_CLOSED),
    **dict.fromkeys(
        (10001, 20003, 20005, 20006, 20008, 20403, 20404, 21212, 21603, 21606, 21660, 21703, 63007, 63020),
        SendFailure.NOT_AUTHORISED,
    ),
}
# With these a text without a template has no better chance.
_TEXT_FAILS_TOO = frozenset(set(_FAILURES) - {63016})


def failure_of(status: int, code: int, *, has_template: bool) -> SendFailure:
    """Return what an error of Twilio's means, from its code if we know it, else from the HTTP status.

    Args:
        has_template: the message used a template; then whatever is wrong with it, plain text is worth a try.
    """
    if has_template and code not in _TEXT_FAILS_TOO and 400 <= status < 500 and status not in (401, 403, 404, 408, 429):
        return SendFailure.TEMPLATE_REFUSED
    if code in _FAILURES:
        return _FAILURES[code]
    if status == 429:
        return SendFailure.RATE_LIMITED
    if status == 408:
        return SendFailure.TIMED_OUT
    if status in (401, 403, 404):
        return SendFailure.NOT_AUTHORISED
    return SendFailure.MESSAGE_REFUSED if 400 <= status < 500 else SendFailure.PROVIDER_DOWN


def may_go_as_text(code: str) -> bool:
    """Tell from the code of a delivery report whether a message with a template, refused late, may go through as plain text.

    Twilio takes a message first and learns only then from WhatsApp that a template is not allowed,
    https://www.twilio.com/docs/api/errors/63021 . A report without a code counts as such: nothing has arrived, and the text may.
    """
    return not (code.isascii() and code.isdigit() and int(code) in _TEXT_FAILS_TOO)
