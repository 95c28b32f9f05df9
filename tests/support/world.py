"""The running system with the fake providers, and a new contact on any of its channels."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.contract.whatsapp.cases import make_provider as make_twilio
from tests.support.conversation import Conversation, TelegramConversation, WebChatConversation, WhatsAppConversation
from tests.support.fake_telegram import FakeTelegram
from tests.support.fake_twilio import FakeTwilio
from tests.support.programs import Programs, run_programs
from tests.support.provider_settings import telegram_settings, whatsapp_settings
from tests.support.server import serve


@dataclass
class World:
    """The running programs and the fake providers."""

    programs: Programs
    twilio: FakeTwilio
    telegram: FakeTelegram

    def whatsapp(self, number: int) -> WhatsAppConversation:
        """Return a new contact on WhatsApp."""
        return WhatsAppConversation(self.twilio, self.programs.url, f"whatsapp:+59399000{number:04d}")

    def telegram_chat(self, number: int) -> TelegramConversation:
        """Return a new contact on Telegram."""
        return TelegramConversation(self.telegram, self.programs.url, 7000 + number)

    def contact(self, channel: str, number: int) -> Conversation:
        """Return a new contact on a channel; on the page a number means nothing, each is a new browser."""
        if channel == "webchat":
            return WebChatConversation(self.programs.url)
        return self.whatsapp(number) if channel == "whatsapp" else self.telegram_chat(number)


@contextmanager
def run_world(folder: Path) -> Iterator[World]:
    """Start both fakes, the gateway and one worker."""
    twilio, telegram = make_twilio(), FakeTelegram()
    with serve(twilio.app) as twilio_url, serve(telegram.app) as telegram_url:
        settings = {
            "RUTA_CHANNELS": "webchat,whatsapp,telegram",
            **whatsapp_settings(twilio_url, folder),
            **telegram_settings(telegram_url),
        }
        with run_programs(folder, settings) as programs:
            set_up = [sys.executable, "-m", "bot.cli", "whatsapp", "setup"]
            subprocess.run(set_up, env=programs.environment, check=True, capture_output=True)
            programs.start("gateway")
            programs.start("worker")
            yield World(programs, twilio, telegram)
