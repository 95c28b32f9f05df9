"""What is kept of one contact, counted and dated from the database, for the person and for nobody else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select

from bot.conversations.consent import GivenConsent, list_consents
from bot.conversations.outbox import EMPTY_BODY
from bot.conversations.retention import RetentionLimits
from bot.storage.models import Contact, Conversation, Inbound, Outbound, PlanItem, StaffCase, StaffCaseEntry, UnansweredQuestion
from bot.storage.session import Database


@dataclass(frozen=True)
class Span:
    """Rows of one kind.

    Attributes:
        count: how many.
        first_at: the time of the oldest, aware UTC; None when there are none.
        until: when the newest will have been deleted if nothing comes after it.
    """

    count: int = 0
    first_at: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class MyData:
    """What is kept of a contact.

    Attributes:
        since: when they wrote first.
        until: when the last of it goes, if they do not write again.
        messages: their texts, masked.
        replies: our replies.
        questions: questions that got no certain answer.
        plan: the steps of their plan.
        case: what was written with people of staff, both ways, and staff's notes.
        opted_out_at: when they asked us to stop; None when they did not, or took it back.
    """

    since: datetime
    until: datetime
    locale: str
    messages: Span
    replies: Span
    questions: Span
    consents: tuple[GivenConsent, ...]
    opted_out_at: datetime | None
    plan: Span = Span()
    case: Span = Span()


class MyDataReader:
    """Reads what is kept of a contact."""

    def __init__(self, database: Database, limits: RetentionLimits) -> None:
        self._database = database
        self.limits = limits

    def read(self, contact_id: str) -> MyData | None:
        """Return what is kept; None when there is no such contact."""
        with self._database.reading() as session:
            contact = session.get(Contact, contact_id)
            if contact is None:
                return None
            of_contact = select(Conversation.id).where(Conversation.contact_id == contact_id).scalar_subquery()
            texts = (Inbound.conversation_id == of_contact, (Inbound.text != "") | Inbound.body_encrypted.is_not(None))
            has_text = (Outbound.body != EMPTY_BODY) | Outbound.body_encrypted.is_not(None)
            replies = (Outbound.conversation_id == of_contact, has_text)
            asked = (UnansweredQuestion.contact_id == contact_id,)
            received, sent, at = Inbound.received_at, Outbound.created_at, UnansweredQuestion.asked_at
            planned = (PlanItem.contact_id == contact_id,)
            spans = [
                (select(func.count(), func.min(received), func.max(received)).where(*texts), self.limits.text_days),
                (select(func.count(), func.min(sent), func.max(sent)).where(*replies), self.limits.text_days),
                (select(func.count(), func.min(at), func.max(at)).where(*asked), self.limits.question_days),
                (
                    select(func.count(), func.min(PlanItem.made_at), func.max(PlanItem.made_at)).where(*planned),
                    self.limits.plan_days,
                ),
            ]
            cases, written = select(StaffCase.id).where(StaffCase.contact_id == contact_id), StaffCaseEntry.at
            of_cases = (StaffCaseEntry.case_id.in_(cases), StaffCaseEntry.kind != "event")
            spans.append((select(func.count(), func.min(written), func.max(written)).where(*of_cases), self.limits.text_days))
            messages, answers, questions, plan, case = (_span(session.execute(query).one(), days) for query, days in spans)
            return MyData(
                since=contact.created_at,
                until=contact.last_inbound_at + timedelta(days=self.limits.contact_days),
                locale=contact.locale,
                messages=messages,
                replies=answers,
                questions=questions,
                consents=tuple(list_consents(session, contact_id)),
                opted_out_at=contact.opted_out_at,
                plan=plan,
                case=case,
            )


def _span(row: Row[Any], days: int) -> Span:
    count, first_at, last_at = row
    return Span(count, first_at, last_at + timedelta(days=days)) if count else Span()
