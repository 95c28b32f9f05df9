"""The fixed set of Content templates that carry buttons and lists, and the file that remembers their ids.

All words are variables, so the set serves every language and never needs WhatsApp's approval: the templates are
sent in the service window only, https://www.twilio.com/docs/content/twiliolist-picker .
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from channels.whatsapp.client import TwilioClient
from channels.whatsapp.limits import BUTTONS, LIST_ROWS
from channels.whatsapp.settings import WhatsAppSettings

_PREFIX = "ruta_segura_v1"
"""A change of a template's variables gets a new prefix: the old one may still be in use by a running release."""

_LANGUAGE = "es"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TemplateSet:
    """The templates that exist in the account.

    Attributes:
        sids: the provider's id by our name of the template.
    """

    sids: Mapping[str, str] = field(default_factory=dict)

    def find(self, name: str) -> str:
        """Return the provider's id of a template, or the empty string."""
        return self.sids.get(name, "")


@dataclass(frozen=True)
class TemplateSpec:
    """One template as it must be created.

    Attributes:
        name: unique in the account, as its `friendly_name`.
        types: the content, by Twilio's name of the type.
        variables: a sample for each variable; Twilio asks for one.
    """

    name: str
    types: dict[str, Any]
    variables: dict[str, str]

    def to_payload(self) -> dict[str, Any]:
        """Return the body of the call that creates it."""
        return {"friendly_name": self.name, "language": _LANGUAGE, "variables": self.variables, "types": self.types}


def buttons_template(count: int) -> str:
    """Return the name of the template with that many buttons."""
    return f"{_PREFIX}_buttons_{count}"


def list_template(count: int, *, is_described: bool) -> str:
    """Return the name of the template with that many rows; no variable may be empty, so second lines need their own."""
    return f"{_PREFIX}_list_{count}{'_described' if is_described else ''}"


def template_specs() -> tuple[TemplateSpec, ...]:
    """Return every template of the set."""
    lists = [_list_spec(count, is_described=is_described) for is_described in (False, True) for count in range(1, LIST_ROWS + 1)]
    return (*(_buttons_spec(count) for count in range(1, BUTTONS + 1)), *lists)


def buttons_variables(body: str, buttons: list[tuple[str, str]]) -> dict[str, str]:
    """Number the values as the template with buttons does: the text, then title and token of each button."""
    return _numbered([body, *(value for button in buttons for value in button)])


def list_variables(body: str, opener: str, rows: list[tuple[str, ...]]) -> dict[str, str]:
    """Number the values as the list templates do: text, the word that opens the list, token and texts of each row."""
    return _numbered([body, opener, *(value for row in rows for value in row)])


async def set_up_templates(settings: WhatsAppSettings, report: Callable[[str], None]) -> TemplateSet:
    """Create the templates that the account lacks and write the ids of all to the templates file; it may run again.

    Args:
        report: takes one line of progress for the operator.

    Raises:
        SendFailed: Twilio did not answer, or refused; what was created so far is found again next time.
    """
    client = TwilioClient(settings)
    await client.open()
    try:
        existing = await client.list_contents()
        sids: dict[str, str] = {}
        for spec in template_specs():
            sids[spec.name] = existing.get(spec.name) or await client.create_content(spec.to_payload())
            report(f"{spec.name}: {'already there' if spec.name in existing else 'created'}")
    finally:
        await client.close()
    _write(settings.templates_file, {"account_sid": settings.account_sid, "templates": sids})
    report(f"{len(sids)} templates written to {settings.templates_file}")
    return TemplateSet(sids)


def load_templates(settings: WhatsAppSettings) -> TemplateSet:
    """Read the templates file; one that is missing, unreadable or of another account gives none and a warning."""
    try:
        data = json.loads(settings.templates_file.read_text(encoding="utf-8"))
        sids = {str(name): str(sid) for name, sid in data["templates"].items()}
        if data["account_sid"] != settings.account_sid:
            logger.warning("whatsapp_templates_of_other_account")
            return TemplateSet()
    except FileNotFoundError:
        logger.warning("whatsapp_templates_missing")
        return TemplateSet()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        logger.warning("whatsapp_templates_unreadable")
        return TemplateSet()
    return TemplateSet(sids)


def _buttons_spec(count: int) -> TemplateSpec:
    samples = buttons_variables("Elija una opción", [(f"Opción {n}", f"token-{n}") for n in range(1, count + 1)])
    actions = [{"type": "QUICK_REPLY", "title": f"{{{{{2 * n}}}}}", "id": f"{{{{{2 * n + 1}}}}}"} for n in range(1, count + 1)]
    types = {"twilio/quick-reply": {"body": "{{1}}", "actions": actions}}
    return TemplateSpec(buttons_template(count), types, samples)


def _list_spec(count: int, *, is_described: bool) -> TemplateSpec:
    fields = ("id", "item", "description") if is_described else ("id", "item")
    rows = [(f"token-{n}", f"Opción {n}", "Detalle")[: len(fields)] for n in range(1, count + 1)]
    items = [{name: f"{{{{{3 + row * len(fields) + place}}}}}" for place, name in enumerate(fields)} for row in range(count)]
    types = {"twilio/list-picker": {"body": "{{1}}", "button": "{{2}}", "items": items}}
    return TemplateSpec(
        list_template(count, is_described=is_described), types, list_variables("Elija una opción", "Ver opciones", rows)
    )


def _numbered(values: list[str]) -> dict[str, str]:
    return {str(number): value for number, value in enumerate(values, start=1)}


def _write(path: Path, data: dict[str, Any]) -> None:
    """Replace the file in one step, so that a running gateway never reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".new")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file, indent=2)
            file.write("\n")
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
