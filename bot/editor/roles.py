"""Who may do what in the editor: roles, what a page needs, and the one table that ties them."""

from __future__ import annotations

from enum import Enum


class Role(str, Enum):
    """What a person at the editor is there for."""

    READER = "reader"
    COUNSELLOR = "counsellor"
    """Trained to speak with people who ask for a person; nobody else reads what they write, not even an admin."""
    TRANSLATOR = "translator"
    EDITOR = "editor"
    REVIEWER = "reviewer"
    ADMIN = "admin"


class Need(str, Enum):
    """What a page asks of its visitor. Each route names exactly one."""

    ANYONE = "anyone"
    """No sign-in: the sign-in itself, an invitation."""
    PENDING = "pending"
    """The password was right, the second factor is still missing."""
    READ = "read"
    """Any signed-in person."""
    TRANSLATE = "translate"
    """May change answers: a translator those of one language, see `may_change`."""
    WRITE = "write"
    """May change answers in every language and what hangs on them."""
    REVIEW = "review"
    """May approve and publish what another person wrote."""
    TALK = "talk"
    """May read and answer what people write to staff."""
    ADMIN = "admin"
    """May invite people and see the audit log."""


_RIGHTS: dict[Role, frozenset[Need]] = {
    Role.READER: frozenset({Need.READ}),
    Role.COUNSELLOR: frozenset({Need.READ, Need.TALK}),
    Role.TRANSLATOR: frozenset({Need.READ, Need.TRANSLATE}),
    Role.EDITOR: frozenset({Need.READ, Need.TRANSLATE, Need.WRITE}),
    Role.REVIEWER: frozenset({Need.READ, Need.TRANSLATE, Need.WRITE, Need.REVIEW}),
    Role.ADMIN: frozenset({Need.READ, Need.TRANSLATE, Need.WRITE, Need.REVIEW, Need.ADMIN}),
}
SECOND_FACTOR_ROLES = frozenset({Role.REVIEWER, Role.COUNSELLOR, Role.ADMIN})
"""They can put text before the public, read what people in danger wrote, or let people in: a password alone must not do."""


def may(role: Role, need: Need) -> bool:
    """Tell whether a signed-in person of this role may open a page with this need."""
    return need is Need.ANYONE or need in _RIGHTS[role]


def may_change(role: Role, translates: str, locale: str) -> bool:
    """Tell whether a person may change texts of a locale; an empty locale stands for what is true in every language."""
    return may(role, Need.WRITE) or (role is Role.TRANSLATOR and bool(locale) and locale == translates)
