"""What an operator sets for the web chat. Reading the environment happens when the class is called, not at import."""

from __future__ import annotations

from pydantic import BaseSettings, Field


class WebChatSettings(BaseSettings):
    """The settings of the web chat, read from `RUTA_WEBCHAT_...`."""

    cookie_days: int = Field(
        30,
        ge=0,
        le=365,
        description="Days for which a browser keeps its conversation, 0 to 365; 0 forgets it when the browser closes, "
        "which is better where people share a device.",
    )

    class Config:
        env_prefix = "RUTA_WEBCHAT_"
