"""Complaints about staff or officials: for a short list of people, in a table of their own, encrypted, with a receipt code.

Neither the message that begins one nor the complaint itself is kept in the log of messages or among the unanswered questions.
The next message after our question is the complaint, unless it is urgent, asks to leave or to stop, or takes a choice.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from bot.conversations.erasure import new_code
from bot.conversations.replies import Replies
from bot.conversations.turns import Trace, Turn, TurnResult
from bot.i18n import N_, Catalogues
from bot.messages import InboundKind, OutboundMessage, QuickReply
from bot.storage.models import Complaint
from bot.storage.session import Database
from bot.storage.vault import Vault

TOPIC = "complaint_staff"
REFUSED = "complaint:no"
"""The payload of the choice to leave nothing."""
CHOICES_MINUTES = 30
_TYPED = (InboundKind.TEXT, InboundKind.EDITED)


@dataclass(frozen=True)
class ComplaintText:
    """A complaint as it was written, and its receipt."""

    text: str = field(repr=False)
    locale: str
    code: str = field(repr=False)

    def store(self, session: Session, vault: Vault, contact_id: str, now: datetime) -> None:
        """Store it, encrypted and without the person."""
        row: dict[str, Any] = {"code_hash": code_hash(vault, self.code), "text_encrypted": vault.encrypt(self.text)}
        session.connection().execute(insert(Complaint).values(**row, locale=self.locale, made_at=now))


def code_hash(vault: Vault, code: str) -> str:
    """Return what is kept of a receipt code; spaces, hyphens and small letters do not matter."""
    return vault.keyed_hash("complaint", "".join(char for char in code.upper() if char.isalnum()))


class ComplaintDesk:
    """Takes complaints."""

    def __init__(self, vault: Vault, texts: Catalogues, replies: Replies) -> None:
        self._vault = vault
        self._texts = texts
        self._replies = replies

    def complete(self, turn: Turn, result: TurnResult) -> TurnResult:
        """Ask for the complaint when somebody wants to make one, and name the official bodies."""
        if result.trace.topic != TOPIC:
            return result
        refuse = QuickReply(self._texts.text(result.locale, "complaint.refuse"), REFUSED)
        text = "\n\n".join([self._texts.text(result.locale, "complaint.ask"), self._replies.complaint_bodies(result.locale)])
        reply = replace(self._replies.sentence(N_("complaint.ask"), result.locale), text=text)
        reply = replace(reply, quick_replies=(refuse, *reply.quick_replies), choices_minutes=CHOICES_MINUTES)
        return replace(result, replies=[reply], masked_text="", question=None)

    def tap(self, turn: Turn, chosen: str) -> TurnResult | None:
        """Return the reply to "I leave nothing", or None when the choice is another's."""
        if chosen != REFUSED:
            return None
        return self._result(turn, self._replies.sentence(N_("complaint.refused"), turn.locale))

    def hear(self, turn: Turn) -> TurnResult | None:
        """Take the message that follows our question as the complaint; None when we did not ask."""
        is_asked = any(choice.payload == REFUSED for choice in turn.choices)
        if not is_asked or turn.kind not in _TYPED or not turn.text.strip():
            return None
        code = new_code()
        bodies = self._replies.complaint_bodies(turn.locale)
        thanks = self._replies.sentence(N_("complaint.kept"), turn.locale, code=code)
        reply = replace(thanks, text=f"{thanks.text}\n\n{bodies}")
        return replace(self._result(turn, reply), note=ComplaintText(turn.text, turn.locale, code))

    @staticmethod
    def _result(turn: Turn, reply: OutboundMessage) -> TurnResult:
        return TurnResult([reply], "", turn.locale, turn.locale_source, trace=Trace("flow", TOPIC))


class Complaints:
    """Lets the short list of people read complaints."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def list(self) -> list[tuple[int, datetime, str]]:
        """Return number, time and language of each complaint, the oldest first."""
        with self._database.reading() as session:
            rows = session.execute(select(Complaint.id, Complaint.made_at, Complaint.locale).order_by(Complaint.id))
            return [(row.id, row.made_at, row.locale) for row in rows]

    def read(self, number: int) -> str | None:
        """Return a complaint's text; None when there is none with this number."""
        with self._database.reading() as session:
            row = session.get(Complaint, number)
            return self._vault.decrypt(row.text_encrypted) if row else None

    def number_of(self, code: str) -> int | None:
        """Return the number of the complaint with a receipt code; None when we keep none."""
        with self._database.reading() as session:
            return session.scalar(select(Complaint.id).where(Complaint.code_hash == code_hash(self._vault, code)))
