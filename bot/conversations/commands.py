"""What a tapped choice means to the engine: an intent with entities, in the engine's own notation `/intent{"entity": "value"}`.

Only our own choices and channel commands come this way. What a contact types never does: see `engine_text`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

_PAYLOAD = re.compile(r"^/([a-z0-9_]+)(\{.*\})?$", re.DOTALL)
_COMMAND_SIGNS = re.compile(r"^[/\s]+")
_CHANNEL_COMMANDS = {
    "command:menu": "/menu",
    "command:language": "/change_language",
    "command:help": '/menu{"family": "emergency"}',
    "command:privacy": "/privacy_question",
}
"""What the commands of a channel's own menu (`bot.messages.COMMANDS`) mean."""


@dataclass(frozen=True)
class Command:
    """An intent that is certain, not guessed.

    Attributes:
        is_from_words: it was recognised in what the contact wrote, whose words still tell language and country.
    """

    intent: str
    entities: dict[str, str] = field(default_factory=dict)
    is_from_words: bool = False


def payload(intent: str, **entities: str) -> str:
    """Return the payload of a quick reply; empty entities are left out."""
    kept = {name: value for name, value in entities.items() if value}
    return f"/{intent}{json.dumps(kept, ensure_ascii=False)}" if kept else f"/{intent}"


def read_command(raw: str) -> Command | None:
    """Read a payload or a channel command; None when it is neither."""
    match = _PAYLOAD.match(_CHANNEL_COMMANDS.get(raw, raw))
    if match is None:
        return None
    try:
        entities = json.loads(match[2]) if match[2] else {}
    except ValueError:
        return None
    return Command(match[1], {str(name): str(value) for name, value in entities.items()})


def engine_text(text: str) -> str:
    """Return what a contact typed in a form that the engine takes as data: without slashes in front.

    The engine strips every space that Unicode knows before it looks for the slash, so all of them go here too.
    """
    return _COMMAND_SIGNS.sub("", text).rstrip()
