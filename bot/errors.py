"""The exception family. Each error carries a stable code that operators can search for; no message text goes in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class RutaError(Exception):
    """The base of all our errors; `code` is stable across releases, `str()` says what to do."""

    code = "ruta_error"


class SettingsError(RutaError):
    """A setting is missing, unknown or malformed; the text names it and says what to write."""

    code = "settings_invalid"


class RequestRefused(RutaError):
    """A webhook call is not from the provider, or cannot be read.

    Args:
        status: the HTTP status for the caller, 400 to 499.
        code: a short stable reason, for example `signature_missing`.
    """

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"request refused: {code}")
        self.status = status
        self.code = code


class ContentError(RutaError):
    """The content folder cannot be read as a whole."""

    code = "content_invalid"


class EngineError(RutaError):
    """The dialogue engine could not answer a message."""

    code = "engine_failed"


class LeaseLost(RutaError):
    """Another worker has taken the conversation over; nothing of this turn may be committed."""

    code = "lease_lost"


class TurnOutdated(RutaError):
    """What a decision rested on has changed before it was stored; nothing is stored, and the message is decided anew."""

    code = "turn_outdated"


class SendFailure(str, Enum):
    """Why a provider did not take a message: the closed list on which retries are decided."""

    RATE_LIMITED = "rate_limited"
    PROVIDER_DOWN = "provider_down"
    TIMED_OUT = "timed_out"
    BLOCKED_BY_CONTACT = "blocked_by_contact"
    OPTED_OUT = "opted_out"
    ADDRESS_UNREACHABLE = "address_unreachable"
    WINDOW_CLOSED = "window_closed"
    TEMPLATE_REFUSED = "template_refused"
    MESSAGE_REFUSED = "message_refused"
    NOT_AUTHORISED = "not_authorised"

    @property
    def is_retryable(self) -> bool:
        """Whether the same request may succeed later without a change."""
        return self in _RETRYABLE

    @property
    def ends_contact(self) -> bool:
        """Whether nothing more may be sent to this contact until they write again."""
        return self in _CONTACT_ENDING


_RETRYABLE = frozenset({SendFailure.RATE_LIMITED, SendFailure.PROVIDER_DOWN, SendFailure.TIMED_OUT, SendFailure.NOT_AUTHORISED})
_CONTACT_ENDING = frozenset({SendFailure.BLOCKED_BY_CONTACT, SendFailure.OPTED_OUT})


@dataclass
class SendFailed(RutaError):
    """A provider refused or did not take a message.

    Args:
        failure: the reason, from the closed list.
        provider_code: the provider's own code, for the operator; never text of a message.
        retry_after: seconds the provider asks us to wait, when it says so.
    """

    failure: SendFailure
    provider_code: str = ""
    retry_after: float | None = None

    @property
    def code(self) -> str:  # type: ignore[override]
        """The stable code: the failure's name."""
        return self.failure.value

    def __str__(self) -> str:
        return f"{self.failure.value} ({self.provider_code})" if self.provider_code else self.failure.value
