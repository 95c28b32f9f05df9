"""Logging: one line per event, in plain text or JSON, with a code and never a text, an address or a token.

`set_up_logging` must run before the engine is imported: Rasa's own logger prints what people write unless it is configured.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Sequence

import structlog

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


def set_up_logging(level: str = "INFO", secrets: Sequence[str] = ()) -> None:
    """Configure all loggers of this process.

    Args:
        level: of our own lines; libraries only speak from WARNING on.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    handler.addFilter(SecretFilter(secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    # Libraries warn their developers; a filter would not do, because some of them set filters of their own on import.
    warnings.showwarning = lambda *_args, **_kwargs: None
