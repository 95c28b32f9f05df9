"""Tell Telegram where and what to deliver, and which commands to offer: `ruta telegram setup`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from telegram import BotCommand, BotCommandScopeAllPrivateChats
from telegram.error import TelegramError

from bot.errors import SettingsError
from channels.telegram.channel import WEBHOOK_PATH
from channels.telegram.client import TelegramClient, send_failure
from channels.telegram.parse import ALLOWED_UPDATES
from channels.telegram.settings import TelegramSettings


async def set_up(
    settings: TelegramSettings,
    public_url: str,
    locales_commands: Mapping[str, Sequence[tuple[str, str]]],
    report: Callable[[str], None],
) -> None:
    """Register webhook or polling and the commands in each language; repeating it changes nothing.

    Args:
        public_url: the gateway's address as the world sees it; used in webhook mode alone.
        locales_commands: locale to pairs of command and description. The first locale also serves all other languages.
        report: takes one line for the operator after each step.

    Raises:
        SettingsError: webhook mode without a public address that begins with https://.
        SendFailed: Telegram did not take a step.
    """
    if settings.mode == "webhook" and not public_url.startswith("https://"):
        raise SettingsError("webhook mode needs a public address that begins with https:// , Telegram calls no other")
    client = TelegramClient(settings)
    await client.open()
    try:
        await _register(client, settings, public_url, report)
        await _offer_commands(client, locales_commands, report)
    except TelegramError as error:
        raise send_failure(error) from None
    finally:
        await client.close()


async def _register(client: TelegramClient, settings: TelegramSettings, public_url: str, report: Callable[[str], None]) -> None:
    bot = await client.bot.get_me()
    report(f"The token belongs to @{bot.username}.")
    # Messages that wait at Telegram are people's questions: neither way drops them.
    if settings.mode == "polling":
        await client.bot.delete_webhook(drop_pending_updates=False)
        report("Polling: no webhook is set.")
        return
    url = public_url.rstrip("/") + WEBHOOK_PATH
    await client.bot.set_webhook(
        url,
        secret_token=settings.webhook_secret.get_secret_value(),
        allowed_updates=ALLOWED_UPDATES,
        max_connections=settings.max_connections,
        drop_pending_updates=False,
    )
    report(f"Webhook: {url}")


async def _offer_commands(
    client: TelegramClient, locales_commands: Mapping[str, Sequence[tuple[str, str]]], report: Callable[[str], None]
) -> None:
    scope = BotCommandScopeAllPrivateChats()
    for position, (locale, pairs) in enumerate(locales_commands.items()):
        commands = [BotCommand(command.removeprefix("/"), description) for command, description in pairs]
        if position == 0:
            await client.bot.set_my_commands(commands, scope=scope)
        # Telegram knows languages by two letters, without a region.
        await client.bot.set_my_commands(commands, scope=scope, language_code=locale[:2].lower())
        report(f"Commands in {locale}: {len(commands)}")
