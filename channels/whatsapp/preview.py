"""Show a reply as WhatsApp would, for the editor. It reads what `render` makes, so that both cannot differ."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import escape

from bot.messages import Bubble, OutboundMessage
from channels.base import SendRequest
from channels.whatsapp.limits import TEXT, TEXT_WITH_CHOICES, length
from channels.whatsapp.render import render_message
from channels.whatsapp.templates import TemplateSet, TemplateSpec, template_specs

# The telephone reads these marks, https://faq.whatsapp.com/539178204879377 .
_BOLD = re.compile(r"(?<!\w)\*(?=\S)([^\n*]*?)(?<=\S)\*(?!\w)")
_ITALIC = re.compile(r"(?<![\w/])_(?=\S)([^\n_]*?)(?<=\S)_(?!\w)")


def preview_message(message: OutboundMessage) -> list[Bubble]:
    """Return the bubbles, in order, as if all templates existed; lengths are in UTF-16 units with the marks."""
    specs = {spec.name: spec for spec in template_specs()}
    return [_bubble(request, specs) for request in render_message(message, TemplateSet({name: name for name in specs}))]


def _bubble(request: SendRequest, specs: dict[str, TemplateSpec]) -> Bubble:
    if "Body" in request.body:
        text = request.body["Body"]
        return Bubble(html=_html(text), length=length(text), limit=TEXT)
    values: dict[str, str] = json.loads(request.body["ContentVariables"])
    (content,) = specs[request.body["ContentSid"]].types.values()
    text = _filled(content["body"], values)
    bubble = Bubble(html=_html(text), length=length(text), limit=TEXT_WITH_CHOICES)
    if "actions" in content:
        return replace(bubble, buttons=tuple(_filled(action["title"], values) for action in content["actions"]))
    rows = tuple((_filled(item["item"], values), _filled(item.get("description", ""), values)) for item in content["items"])
    return replace(bubble, opener=_filled(content["button"], values), rows=rows)


def _filled(text: str, values: dict[str, str]) -> str:
    """Fill a template's variables, `{{1}}` and so on."""
    return re.sub(r"\{\{(\d+)\}\}", lambda found: values[found[1]], text)


def _html(text: str) -> str:
    html = _ITALIC.sub(r"<em>\1</em>", _BOLD.sub(r"<strong>\1</strong>", escape(text, quote=False)))
    return html.replace("\n", "<br>")
