"""Why a draft can not go live."""

from __future__ import annotations

from bot.content.model import Problem
from bot.errors import RutaError


class PublicationRefused(RutaError):
    """A draft can not go live; `key` is the sentence for the person at the page."""

    def __init__(self, code: str, key: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(f"the draft cannot be published: {code}")
        self.code = code
        self.key = key
        self.problems = problems
