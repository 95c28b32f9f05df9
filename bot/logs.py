"""Logging: one line per event, in plain text or JSON, with a code and never a text, an address or a token.

A line of ours is an event and its fields, `"reply_sent id=%s channel=%s", ...`; a test holds every call to that form, and the
JSON format reads the fields from it. `trace_id` is the one id of a message from the webhook to the delivery report.

`set_up_logging` must run before the engine is imported: Rasa's own logger prints what people write unless it is configured.
"""

from __future__ import annotations

import json
import logging
import os
import re
import warnings
from collections.abc import Sequence
from datetime import datetime, timezone
from functools import lru_cache
from typing import Literal

import structlog

LogFormat = Literal["text", "json"]

_QUIET = (
    "alembic",
    "uvicorn",
    "rasa",
    "matplotlib",
    "tensorflow",
    "h5py",
    "asyncio",
    "httpx",
    "httpcore",
    "apscheduler",
    "urllib3",
    "twilio",
)


class SecretFilter(logging.Filter):
    """Replaces secrets in every record, whoever wrote it.

    Args:
        secrets: values that must not be seen; short ones are ignored, they would blank ordinary words.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__()
        kept = [re.escape(secret) for secret in sorted(secrets, key=len, reverse=True) if len(secret) >= 8]
        self._pattern = re.compile("|".join(kept)) if kept else None

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, with its secrets replaced."""
        if self._pattern:
            message = record.getMessage()
            if self._pattern.search(message):
                record.msg, record.args = self._pattern.sub("[secret]", message), ()
            if record.exc_info and not record.exc_text:
                record.exc_text = logging.Formatter().formatException(record.exc_info)
            if record.exc_text:  # A formatter takes this text as it is; the exception may name the address it called.
                record.exc_text = self._pattern.sub("[secret]", record.exc_text)
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object on a line: time, level, logger, event, and the fields of the line by their names."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object; a line of a library, which has no fields, is the event `library` with its message."""
        at = datetime.fromtimestamp(record.created, timezone.utc)
        told = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            **_fields(record),
        }
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            told["exception"] = record.exc_text
        return json.dumps(told, ensure_ascii=False, default=str)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    names = _names_of(record.msg) if isinstance(record.msg, str) else None
    if names is None:
        return {"event": "library", "message": record.getMessage()}
    event, *fields = names
    values = record.args if isinstance(record.args, tuple) else ()
    if len(values) == len(fields):
        plain = (value if isinstance(value, (int, float)) else str(value) for value in values)
        return {"event": event, **dict(zip(fields, plain, strict=True))}
    # The filter of secrets has put the values into the line already.
    return {"event": event, **dict(pair.split("=", 1) for pair in record.getMessage().split()[1:] if "=" in pair)}


@lru_cache(maxsize=200)
def _names_of(template: str) -> tuple[str, ...] | None:
    """Return the event and the names of the fields of a line of ours, None for any other line."""
    event, *fields = template.split(" ")
    is_ours = re.fullmatch(r"[a-z][a-z_0-9]*", event) and all(re.fullmatch(r"[a-z_]+=\S+", field) for field in fields)
    return (event, *(field.split("=")[0] for field in fields)) if is_ours else None


def trace_id(number: int, received_at: datetime) -> str:
    """Return the id that one message has in every line, from the webhook to the delivery report.

    It is made of what the row of the message holds, so no step has to hand it on. The part after the dash is the number that
    `ruta failures` shows. The part before it, the second of its arrival, keeps two messages apart of which the later one got
    the number of an earlier one that was deleted.
    """
    return f"{int(received_at.timestamp()):x}-{number}"


def set_up_logging(level: str = "INFO", secrets: Sequence[str] = (), log_format: LogFormat = "text") -> None:
    """Configure all loggers of this process.

    Args:
        level: of our own lines; libraries only speak from WARNING on.
        log_format: `json` for programs that collect logs.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
    handler = logging.StreamHandler()
    plain = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    handler.setFormatter(JsonFormatter() if log_format == "json" else plain)
    handler.addFilter(SecretFilter(secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    # Libraries warn their developers; a filter would not do, because some of them set filters of their own on import.
    warnings.showwarning = lambda *_args, **_kwargs: None
