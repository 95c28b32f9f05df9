"""Telegram, through python-telegram-bot's base package."""

from channels.telegram.channel import TelegramChannel
from channels.telegram.registration import set_up
from channels.telegram.settings import TelegramSettings

__all__ = ["TelegramChannel", "TelegramSettings", "set_up"]
