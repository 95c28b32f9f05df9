"""WhatsApp through Twilio in the contract suite."""

from __future__ import annotations

import dataclasses
from typing import Any

from bot.errors import SendFailure
from bot.messages import (
    DeliveryState,
    DeliveryStatus,
    InboundKind,
    InboundMessage,
    Location,
    OutboundMessage,
    QuickReply,
)
from channels.whatsapp import TemplateSet, WhatsAppChannel, WhatsAppSettings
from channels.whatsapp.templates import buttons_template, list_template, template_specs
from tests.contract.case import ChannelKit, InboundCase, SendCase
from tests.support.fake_twilio import (
    ACCOUNT_SID,
    ADDRESS,
    AUTH_TOKEN,
    PUBLIC_URL,
    SENDER,
    STATUS_PATH,
    FakeTwilio,
    content_sid,
)
from tests.support.twilio_answers import Answer, accept, hang, refuse, reset, server_error, slow_down

_SID = "SM" + "ab" * 16
_TWILIO = FakeTwilio()


def make_settings(url: str, **changes: Any) -> WhatsAppSettings:
    """Build settings against the fake's address."""
    values = {
        "account_sid": ACCOUNT_SID,
        "auth_token": AUTH_TOKEN,
        "sender": SENDER,
        "api_url": url,
        "content_url": url,
        "timeout_seconds": 1.0,
    }
    return WhatsAppSettings(**{**values, **changes})


def _make_channel(url: str) -> WhatsAppChannel:
    templates = TemplateSet({spec.name: content_sid(spec.name) for spec in template_specs()})
    return WhatsAppChannel(make_settings(url), PUBLIC_URL, templates)


def make_provider() -> FakeTwilio:
    """Build a fake with all templates in its account."""
    twilio = FakeTwilio()
    for spec in template_specs():
        twilio.add_content(spec.to_payload())
    return twilio


def _event(kind: InboundKind, text: str = "", **fields: Any) -> InboundMessage:
    return InboundMessage("whatsapp", ADDRESS, _SID, kind, text, **fields)


def _call(**fields: Any) -> dict[str, Any]:
    return {"To": ADDRESS, "From": SENDER, "StatusCallback": PUBLIC_URL + STATUS_PATH, **fields}


def _replies(count: int) -> tuple[QuickReply, ...]:
    return tuple(QuickReply(f"Opción {n}", f"topic:choice_{n}", f"tok{n}") for n in range(1, count + 1))


_LONG = "Palabra corta. " * 400
_TEXT_CASE = InboundCase(
    "text",
    _TWILIO.webhook(_TWILIO.message("¿Qué visa necesito?", sid=_SID)),
    [_event(InboundKind.TEXT, "¿Qué visa necesito?")],
)
_SIGNED = _TEXT_CASE.request

INBOUND = [
    _TEXT_CASE,
    InboundCase(
        # WhatsApp has no start: the first thing that arrives is a message like any other.
        "start",
        _TWILIO.webhook(_TWILIO.message("Hola, buenos días", sid=_SID)),
        [_event(InboundKind.TEXT, "Hola, buenos días")],
    ),
    InboundCase(
        "quick_reply",
        _TWILIO.webhook(_TWILIO.tapped("tok1", "Requisitos", sid=_SID)),
        [_event(InboundKind.QUICK_REPLY, "Requisitos", quick_reply="tok1")],
    ),
    InboundCase(
        "list_row",
        _TWILIO.webhook(_TWILIO.chosen("tok7", "Volver al país", sid=_SID)),
        [_event(InboundKind.QUICK_REPLY, "Volver al país", quick_reply="tok7")],
    ),
    InboundCase(
        "list_row_as_interactive_data",
        _TWILIO.webhook(
            _TWILIO.message(
                "Volver al país",
                sid=_SID,
                MessageType="interactive",
                InteractiveData='{"type":"list_reply","list_reply":{"id":"tok7","title":"Volver al país"}}',
            )
        ),
        [_event(InboundKind.QUICK_REPLY, "Volver al país", quick_reply="tok7")],
    ),
    InboundCase(
        "media",
        _TWILIO.webhook(_TWILIO.media("audio/ogg; codecs=opus", sid=_SID)),
        [_event(InboundKind.MEDIA, media_kind="audio")],
    ),
    InboundCase(
        "media_with_caption",
        _TWILIO.webhook(_TWILIO.media("image/jpeg", "¿Sirve este documento?", sid=_SID)),
        [_event(InboundKind.MEDIA, "¿Sirve este documento?", media_kind="image")],
    ),
    InboundCase(
        "document_with_file_name",
        _TWILIO.webhook(_TWILIO.media("application/pdf", "Mi cita.pdf", sid=_SID)),
        [_event(InboundKind.MEDIA, media_kind="document")],
    ),
    InboundCase(
        "sticker",
        _TWILIO.webhook(_TWILIO.media("image/webp", sid=_SID)),
        [_event(InboundKind.MEDIA, media_kind="sticker")],
    ),
    InboundCase(
        "contact_card",
        _TWILIO.webhook(_TWILIO.media("text/vcard", "Persona Inventada", sid=_SID)),
        [_event(InboundKind.MEDIA, media_kind="contact")],
    ),
    InboundCase(
        "location",
        _TWILIO.webhook(_TWILIO.location(-2.9, -79.0, sid=_SID)),
        [_event(InboundKind.LOCATION, location=Location(-2.9, -79.0))],
    ),
    InboundCase(
        "location_out_of_this_world",
        _TWILIO.webhook(_TWILIO.location(float("nan"), 400, sid=_SID)),
        [_event(InboundKind.UNSUPPORTED)],
    ),
    InboundCase(
        "edited",
        _TWILIO.webhook(_TWILIO.message("Quise decir México", sid=_SID, MessageType="edit")),
        [_event(InboundKind.EDITED, "Quise decir México")],
    ),
    InboundCase("empty", _TWILIO.webhook(_TWILIO.message("", sid=_SID)), [_event(InboundKind.UNSUPPORTED)]),
    InboundCase(
        "unknown_kind",
        _TWILIO.webhook(_TWILIO.message("👍", sid=_SID, MessageType="reaction")),
        [_event(InboundKind.UNSUPPORTED)],
    ),
    InboundCase(
        "unknown_fields",
        _TWILIO.webhook(_TWILIO.message("Hola de nuevo", sid=_SID, BrandNewField="", Another="x")),
        [_event(InboundKind.TEXT, "Hola de nuevo")],
    ),
    InboundCase(
        "address_without_number",
        _TWILIO.webhook(_TWILIO.message("Hola de nuevo", sid=_SID, address="whatsapp:EC.13491208655302741918")),
        [dataclasses.replace(_event(InboundKind.TEXT, "Hola de nuevo"), address="whatsapp:EC.13491208655302741918")],
    ),
    InboundCase(
        "repeated_field",
        _TWILIO.webhook(f"{_SIGNED.body.decode()}&MessageType=button"),
        [_event(InboundKind.TEXT, "¿Qué visa necesito?")],
    ),
    InboundCase(
        "nul_character",
        _TWILIO.webhook(_TWILIO.message("Hola\x00 amigos", sid=_SID)),
        [_event(InboundKind.TEXT, "Hola amigos")],
    ),
    InboundCase(
        "right_to_left_and_zero_width",
        _TWILIO.webhook(_TWILIO.message("\u202eتأشيرة\u200d\u200b", sid=_SID)),
        [_event(InboundKind.TEXT, "\u202eتأشيرة\u200d\u200b")],
    ),
    InboundCase(
        "too_long",
        _TWILIO.webhook(_TWILIO.message("a" * 20_000, sid=_SID)),
        [_event(InboundKind.TEXT, "a" * 4096, is_shortened=True)],
    ),
    InboundCase("malformed", _TWILIO.webhook("%7B%22no+form%22%7D"), refused=400),
    InboundCase("no_message_id", _TWILIO.webhook({"From": ADDRESS, "AccountSid": ACCOUNT_SID}), refused=400),
    InboundCase("not_whatsapp", _TWILIO.webhook(_TWILIO.message("Hola de nuevo", address="+593990000001")), refused=400),
    InboundCase("too_many_fields", _TWILIO.webhook([(f"f{n}", "") for n in range(5_000)]), refused=400),
    InboundCase("invalid_utf8", _TWILIO.webhook("Body=%FF%FE&MessageSid=" + _SID), refused=400),
    InboundCase("invalid_utf8_raw", _TWILIO.webhook("Body=\udcff&MessageSid=" + _SID), refused=400),
    InboundCase(
        "content_type_unexpected",
        _TWILIO.webhook(_TWILIO.message("Hola de nuevo"), headers={"content-type": "application/json"}),
        refused=415,
    ),
    InboundCase(
        "signature_missing",
        _TWILIO.webhook(_TWILIO.message("Hola de nuevo"), headers={"x-twilio-signature": ""}),
        refused=401,
    ),
    InboundCase(
        "signature_wrong",
        _TWILIO.webhook(_TWILIO.message("Hola de nuevo"), headers={"x-twilio-signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}),
        refused=403,
    ),
    InboundCase(
        "signature_not_ascii",
        _TWILIO.webhook(_TWILIO.message("Hola de nuevo"), headers={"x-twilio-signature": "ñ" * 28}),
        refused=403,
    ),
    InboundCase(
        "signature_of_other_path",
        dataclasses.replace(_SIGNED, path=STATUS_PATH, url=PUBLIC_URL + STATUS_PATH),
        refused=403,
    ),
    InboundCase("body_changed", dataclasses.replace(_SIGNED, body=_SIGNED.body + b"&Extra=1"), refused=403),
    InboundCase(
        "account_of_others",
        _TWILIO.webhook(_TWILIO.message("Hola de nuevo", AccountSid="AC" + "1" * 32)),
        refused=403,
    ),
    InboundCase(
        "status_update",
        _TWILIO.webhook(_TWILIO.status(_SID, "delivered"), STATUS_PATH),
        [DeliveryStatus("whatsapp", _SID, DeliveryState.DELIVERED)],
    ),
    InboundCase(
        "status_read",
        _TWILIO.webhook(_TWILIO.status(_SID, "read"), STATUS_PATH),
        [DeliveryStatus("whatsapp", _SID, DeliveryState.READ)],
    ),
    InboundCase(
        "status_failed",
        _TWILIO.webhook(_TWILIO.status(_SID, "undelivered", "63016"), STATUS_PATH),
        [DeliveryStatus("whatsapp", _SID, DeliveryState.FAILED, "63016", may_go_plain=True)],
    ),
    InboundCase(
        "status_blocked",
        _TWILIO.webhook(_TWILIO.status(_SID, "failed", "63014"), STATUS_PATH),
        [DeliveryStatus("whatsapp", _SID, DeliveryState.FAILED, "63014", opts_out=True)],
    ),
    InboundCase(
        "status_template_refused",
        _TWILIO.webhook(_TWILIO.status(_SID, "failed", "63021"), STATUS_PATH),
        [DeliveryStatus("whatsapp", _SID, DeliveryState.FAILED, "63021", may_go_plain=True)],
    ),
    InboundCase("status_unknown", _TWILIO.webhook(_TWILIO.status(_SID, "teleported"), STATUS_PATH), []),
]

_PLAIN = OutboundMessage("Un texto corto.")
_PLAIN_CALL = _call(Body="Un texto corto.")
_ASKED = OutboundMessage("Primero lea esto.\n\n¿Qué desea saber?", _replies(2))
_BUTTON_CALL = _call(
    ContentSid=content_sid(buttons_template(2)),
    ContentVariables={"1": "¿Qué desea saber?", "2": "Opción 1", "3": "tok1", "4": "Opción 2", "5": "tok2"},
)


def _failing(case_id: str, answer: Answer, failure: SendFailure, retry_after: float | None = None) -> SendCase:
    return SendCase(case_id, _PLAIN, [_PLAIN_CALL], [answer], failure, retry_after)


SENDS = [
    SendCase("text", _PLAIN, [_PLAIN_CALL]),
    SendCase(
        "marks",
        OutboundMessage("**Certificado** de *retorno*: vea [la página](https://www.gob.ec/x).\n\n- uno\n- dos ~tres~"),
        [_call(Body="*Certificado* de _retorno_: vea la página: https://www.gob.ec/x.\n• uno\n• dos ∼tres∼")],
    ),
    SendCase(
        "long_text",
        OutboundMessage(("a" * 800 + ".\n\n") + ("b" * 799 + ".\n\n") + "c" * 900 + "."),
        [_call(Body="a" * 800 + "."), _call(Body="b" * 799 + "."), _call(Body="c" * 900 + ".")],
    ),
    SendCase(
        "long_text_cut_at_sentences",
        OutboundMessage(_LONG),
        [
            _call(Body=("Palabra corta. " * 106).strip()),
            _call(Body=("Palabra corta. " * 106).strip()),
            _call(Body=("Palabra corta. " * 106).strip()),
            _call(Body=("Palabra corta. " * 82).strip()),
        ],
    ),
    SendCase("buttons", _ASKED, [_call(Body="Primero lea esto."), _BUTTON_CALL]),
    SendCase(
        "buttons_long_titles_and_marks",
        OutboundMessage("¿Qué desea saber?", (QuickReply("Requisitos de la visa de *trabajo*", "p", "tok1"),)),
        [
            _call(
                ContentSid=content_sid(buttons_template(1)),
                ContentVariables={"1": "¿Qué desea saber?", "2": "Requisitos de la vi…", "3": "tok1"},
            )
        ],
    ),
    SendCase(
        "buttons_with_equal_titles",
        OutboundMessage("Elija:", (QuickReply("Sí", "a", "tok1"), QuickReply("Sí", "b", "tok2"))),
        [_call(Body="Elija:\n1. Sí\n2. Sí")],
    ),
    SendCase(
        "list",
        OutboundMessage("¿Qué desea saber?", _replies(4), list_title="Ver temas"),
        [
            _call(
                ContentSid=content_sid(list_template(4, is_described=False)),
                ContentVariables={
                    "1": "¿Qué desea saber?",
                    "2": "Ver temas",
                    **{str(2 * n + 1): f"tok{n}" for n in range(1, 5)},
                    **{str(2 * n + 2): f"Opción {n}" for n in range(1, 5)},
                },
            )
        ],
    ),
    SendCase(
        "list_with_descriptions",
        OutboundMessage(
            "Elija:",
            (*_replies(3), QuickReply("Un título que pasa de las 24 letras", "p", "tok4")),
            list_title="Ver temas",
        ),
        [
            _call(
                ContentSid=content_sid(list_template(4, is_described=True)),
                ContentVariables={
                    "1": "Elija:",
                    "2": "Ver temas",
                    **{str(3 * n): f"tok{n}" for n in range(1, 5)},
                    **{str(3 * n + step): f"Opción {n}" for n in range(1, 4) for step in (1, 2)},
                    "13": "Un título que pasa de l…",
                    "14": "Un título que pasa de las 24 letras",
                },
            )
        ],
    ),
    SendCase(
        "list_below_a_list",
        OutboundMessage("Hay dos:\n\n- uno\n- otro", _replies(4), list_title="Ver temas"),
        [
            _call(Body="Hay dos:\n• uno\n• otro"),
            _call(
                ContentSid=content_sid(list_template(4, is_described=False)),
                ContentVariables={
                    "1": "Ver temas",
                    "2": "Ver temas",
                    **{str(2 * n + 1): f"tok{n}" for n in range(1, 5)},
                    **{str(2 * n + 2): f"Opción {n}" for n in range(1, 5)},
                },
            ),
        ],
    ),
    SendCase(
        "too_many_quick_replies",
        OutboundMessage("Elija:", _replies(11)),
        [_call(Body="Elija:\n" + "\n".join(f"{n}. Opción {n}" for n in range(1, 12)))],
    ),
    _failing("slow_down", slow_down(7), SendFailure.RATE_LIMITED, 7.0),
    _failing("slow_down_without_a_time", slow_down(), SendFailure.RATE_LIMITED),
    _failing("provider_down", server_error(), SendFailure.PROVIDER_DOWN),
    _failing("connection_lost", reset(), SendFailure.PROVIDER_DOWN),
    _failing("times_out", hang(), SendFailure.TIMED_OUT),
    _failing("blocked", refuse(63014), SendFailure.BLOCKED_BY_CONTACT),
    _failing("opted_out", refuse(21610), SendFailure.OPTED_OUT),
    _failing("unreachable", refuse(63003), SendFailure.ADDRESS_UNREACHABLE),
    _failing("window_closed", refuse(63016), SendFailure.WINDOW_CLOSED),
    _failing("password_wrong", refuse(20003, 401), SendFailure.NOT_AUTHORISED),
    _failing("text_refused", refuse(21617), SendFailure.MESSAGE_REFUSED),
    SendCase(
        "template_refused",
        _ASKED,
        [_call(Body="Primero lea esto."), _BUTTON_CALL],
        [accept(), refuse(21655)],
        SendFailure.TEMPLATE_REFUSED,
    ),
    SendCase(
        "template_outside_window",
        OutboundMessage("¿Qué desea saber?", _replies(2)),
        [_BUTTON_CALL],
        [refuse(63016)],
        SendFailure.TEMPLATE_REFUSED,
    ),
    SendCase(
        "template_to_opted_out",
        OutboundMessage("¿Qué desea saber?", _replies(2)),
        [_BUTTON_CALL],
        [refuse(21610)],
        SendFailure.OPTED_OUT,
    ),
]

KIT = ChannelKit(
    name="whatsapp",
    make_channel=_make_channel,
    make_provider=make_provider,
    address=ADDRESS,
    inbound=INBOUND,
    sends=SENDS,
)
