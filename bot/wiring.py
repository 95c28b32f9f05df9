"""Put the parts together from the settings: who gets which database, content, channels and keys.

Only `bot.cli` and `bot.doctor` use this module, and only here channels are named. Heavy imports stay inside the functions, so
that the gateway never loads the engine and `--help` answers at once.
"""

from __future__ import annotations

import importlib
import os
import secrets
import socket
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseSettings

from bot.errors import RutaError, SettingsError
from bot.i18n import LOCALES, Catalogues
from bot.logs import set_up_logging
from bot.messages import Bubble, ChannelLimits, OutboundMessage
from bot.settings import Settings, load_environment, read_settings, refuse_unknown
from bot.storage.session import Database
from bot.storage.vault import Vault

if TYPE_CHECKING:
    from bot.content.library import ContentLibrary
    from bot.conversations.case_returns import CaseReturns
    from bot.conversations.handoff import HandoffDesk
    from bot.conversations.replies import Replies
    from bot.conversations.retention import Retention, RetentionLimits
    from bot.conversations.stand_in import StandIn
    from bot.editor.parts import EditorParts
    from bot.gateway.health import ReadyCheck
    from bot.worker import Worker
    from channels.base import Channel

CHANNELS = {
    "webchat": ("channels.webchat", "WebChatChannel", "WebChatSettings"),
    "whatsapp": ("channels.whatsapp", "WhatsAppChannel", "WhatsAppSettings"),
    "telegram": ("channels.telegram", "TelegramChannel", "TelegramSettings"),
}
"""The table of channels: name, package, class, settings class."""


def utc_now() -> datetime:
    """Return the present time, aware UTC."""
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Paths:
    """Where things are, below the project's root."""

    root: Path

    @property
    def content(self) -> Path:
        """The content folder."""
        return self.root / "content"

    @property
    def locales(self) -> Path:
        """The gettext catalogues."""
        return self.root / "locales"

    @property
    def intents(self) -> Path:
        """Examples, vocabulary, rules."""
        return self.root / "intents"

    @property
    def models(self) -> Path:
        """Trained models."""
        return self.root / "models"

    @property
    def var(self) -> Path:
        """What the running system writes: database, keys of development mode."""
        return self.root / "var"


@dataclass(frozen=True)
class App:
    """Settings and what is opened from them."""

    paths: Paths
    settings: Settings
    vault: Vault
    database: Database


def open_app(root: Path) -> App:
    """Read the settings, set up logging and open the database.

    Raises:
        SettingsError: names each setting that is unknown, missing or malformed.
    """
    paths = Paths(root)
    load_environment(root)
    refuse_unknown([Settings, *(settings_class(name) for name in CHANNELS)], os.environ)
    settings = read_settings(Settings)
    set_up_logging(settings.log_level, settings.secret_values(), settings.log_format)
    encryption_keys, hash_key = settings.keys(paths.var)
    return App(paths, settings, Vault(encryption_keys, hash_key), Database(settings.database_url))


def settings_class(name: str) -> type[BaseSettings]:
    """Return a channel's settings class."""
    package, _, settings = CHANNELS[name]
    kind: type[BaseSettings] = getattr(importlib.import_module(f"{package}.settings"), settings)
    return kind


def _channel_class(name: str) -> type[Any]:
    package, class_name, _ = CHANNELS[name]
    kind: type[Any] = getattr(importlib.import_module(package), class_name)
    return kind


def enabled_names(settings: Settings) -> tuple[str, ...]:
    """Return the enabled channels' names.

    Raises:
        SettingsError: one of them does not exist.
    """
    unknown = [name for name in settings.channel_names if name not in CHANNELS]
    if unknown or not settings.channel_names:
        raise SettingsError(f"RUTA_CHANNELS: write one or more of {', '.join(CHANNELS)}, separated by commas")
    return settings.channel_names


def channel_limits(settings: Settings) -> dict[str, ChannelLimits]:
    """Return the limits of the enabled channels, without opening a client."""
    return {name: importlib.import_module(f"{CHANNELS[name][0]}.limits").LIMITS for name in enabled_names(settings)}


def build_channel(app: App, name: str) -> Channel:
    """Build one channel from its settings."""
    kind = _channel_class(name)
    settings = read_settings(settings_class(name))
    if app.settings.mode == "production" and name == "whatsapp" and not app.settings.public_url.startswith("https://"):
        raise SettingsError("RUTA_PUBLIC_URL: write the https:// address that Twilio calls; its signature covers that address")
    if name == "telegram":
        return kind(settings)  # type: ignore[no-any-return]
    if name == "whatsapp":
        return kind(settings, public_url=app.settings.public_url)  # type: ignore[no-any-return]
    texts = Catalogues(app.paths.locales)
    pages = {locale: texts.with_prefix(locale, "webchat.") for locale in LOCALES}
    return kind(settings, public_url=app.settings.public_url, texts=pages)  # type: ignore[no-any-return]


def build_replies(paths: Paths, library: ContentLibrary | None = None) -> Replies:
    """Build the composer of replies; from another library than the content folder when one is given."""
    from bot.content.library import ContentLibrary
    from bot.conversations.replies import Replies

    return Replies(library or ContentLibrary(paths.content), Catalogues(paths.locales), paths.content / "people.yml")


def build_stand_in(app: App) -> StandIn:
    """Build what answers for the workers while none takes messages; it reads the content, so not before it is needed."""
    from bot.conversations.outbox import Outbox
    from bot.conversations.stand_in import StandIn
    from bot.conversations.turns import Turns

    turns = Turns(app.database, app.vault, Outbox(app.database, app.vault, utc_now), "gateway", utc_now)
    texts = Catalogues(app.paths.locales)
    return StandIn(turns, build_replies(app.paths), texts, channel_limits(app.settings), app.paths.intents, utc_now)


def require_current(app: App) -> None:
    """Stop unless this release can use the database's form.

    Raises:
        RutaError: it cannot; the text says what to do.
    """
    from bot.storage.revision import can_serve

    if not can_serve(app.database):
        raise RutaError("the database is not in a form that this release can use; run `ruta db upgrade`")


def retention_limits(settings: Settings) -> RetentionLimits:
    """Return how long each kind of data is kept."""
    from bot.conversations.retention import RetentionLimits

    return RetentionLimits(
        text_days=settings.retention_text_days,
        record_days=settings.retention_record_days,
        question_days=settings.retention_question_days,
        contact_days=settings.retention_contact_days,
        receipt_days=settings.retention_receipt_days,
        feedback_days=settings.retention_feedback_days,
        complaint_days=settings.retention_complaint_days,
        plan_days=settings.retention_plan_days,
        story_days=settings.retention_story_days,
    )


def build_retention(app: App) -> Retention:
    """Build what reports and deletes what is past its time."""
    from bot.conversations.retention import Retention

    return Retention(app.database, retention_limits(app.settings), utc_now)


def build_editor_parts(app: App) -> EditorParts:
    """Build what the editor's pages work with; all channels are shown there, enabled or not."""
    from bot.editor.parts import EditorParts

    all_channels = Settings.parse_obj({"channels": ",".join(CHANNELS), "mode": "development"})
    texts = Catalogues(app.paths.locales)
    limits = channel_limits(all_channels)
    return EditorParts(
        database=app.database,
        vault=app.vault,
        texts=texts,
        root=app.paths.root,
        content=app.paths.content,
        url=app.settings.editor_url,
        limits=limits,
        preview=partial(_preview, texts, limits),
        clock=utc_now,
        locales=app.paths.locales,
        link_results=app.paths.var / "links.json",
    )


def _preview(
    texts: Catalogues, limits: dict[str, ChannelLimits], message: OutboundMessage, locale: str
) -> dict[str, list[Bubble]]:
    """Show a reply as each channel would: choices paged and given tokens as on their way out, then the channel's own code."""
    from bot.conversations.paging import fit_choices

    shown: dict[str, list[Bubble]] = {}
    for name, (package, _, _) in CHANNELS.items():
        fitted = fit_choices(message, limits[name], texts, locale)
        replies = tuple(replace(reply, token=f"preview-{number}") for number, reply in enumerate(fitted.quick_replies))
        preview = importlib.import_module(f"{package}.preview").preview_message
        shown[name] = preview(replace(fitted, quick_replies=replies))
    return shown


def build_worker(
    app: App,
    limits: dict[str, ChannelLimits] | None = None,
    *,
    watches_models: bool = True,
    library: ContentLibrary | None = None,
) -> Worker:
    """Load the engine and build a worker; this takes seconds.

    Args:
        watches_models: take a newer model over while running.
        library: what it answers from; by default the content folder.

    Raises:
        SettingsError: there is no model.
    """
    from bot.conversations.complaints import ComplaintDesk
    from bot.conversations.destinations import Destinations
    from bot.conversations.dialogues.answers import DialogueWords
    from bot.conversations.dialogues.desk import DialogueDesk
    from bot.conversations.dialogues.plan_desk import PlanDesk
    from bot.conversations.dialogues.provinces import Provinces
    from bot.conversations.feedback import FeedbackDesk
    from bot.conversations.my_data import MyDataReader
    from bot.conversations.nearby import NearbyDesk
    from bot.conversations.outbox import Outbox
    from bot.conversations.plans import PlanReader
    from bot.conversations.privacy import PrivacyDesk
    from bot.conversations.quick_exit import QuickExit
    from bot.conversations.turns import Turns
    from bot.conversations.urgent import UrgentPhrases
    from bot.engine.agent import Engine, FreshEngine
    from bot.engine.training import newest_model
    from bot.storage.notices import INBOUND, Notices
    from bot.worker import Worker, WorkerParts

    model = newest_model(app.paths.models)
    if model is None:
        raise SettingsError(f"{app.paths.models}: there is no model yet; run `ruta train`")
    replies = build_replies(app.paths, library)
    outbox = Outbox(app.database, app.vault, utc_now)
    find = partial(newest_model, app.paths.models) if watches_models else lambda: model
    texts = Catalogues(app.paths.locales)
    reader = MyDataReader(app.database, retention_limits(app.settings))
    # Not the number alone: in containers that share their host's name every worker may have the same one.
    owner = f"{socket.gethostname()[:20]}-{os.getpid()}-{secrets.token_hex(3)}"
    nearby = NearbyDesk.open(app.paths.intents, app.vault, texts, replies, utc_now)
    dialogues = DialogueDesk.open(app.paths.root, replies, Provinces(app.paths.intents, nearby.finder))
    words = DialogueWords.read(app.paths.intents / "vocabulary" / "dialogue-words.yml")
    plans = PlanDesk(words, PlanReader(app.database, app.settings.retention_plan_days), replies)
    return Worker(
        WorkerParts(
            turns=Turns(app.database, app.vault, outbox, owner, utc_now),
            engine=FreshEngine(find, partial(Engine, replies=replies, dialogues=dialogues), model),
            replies=replies,
            texts=texts,
            urgent=UrgentPhrases(app.paths.intents / "urgent"),
            privacy=PrivacyDesk.open(app.paths.intents, reader, app.vault, texts, replies),
            plans=plans,
            limits=limits or channel_limits(app.settings),
            ordinals=app.paths.intents / "vocabulary" / "ordinals.yml",
            notices=Notices(app.database, INBOUND),
            nearby=nearby,
            feedback=FeedbackDesk(texts, replies, utc_now),
            complaints=ComplaintDesk(app.vault, texts, replies),
            quick_exit=QuickExit(app.paths.intents / "vocabulary" / "exit.yml", texts),
            destinations=Destinations(app.paths.intents / "vocabulary" / "destinations.yml"),
            handoff=_handoff_desk(app, texts, replies),
        )
    )


def _handoff_desk(app: App, texts: Catalogues, replies: Replies) -> HandoffDesk | None:
    """Build what hands conversations to people of staff; None where the service is off."""
    from bot.conversations.handoff import HandoffDesk
    from bot.conversations.whole_phrases import WholePhrases

    if not app.settings.handoff:
        return None
    words = WholePhrases(app.paths.intents / "vocabulary" / "handoff.yml", "handoff")
    people, settings = app.paths.content / "people.yml", app.settings
    return HandoffDesk(texts, replies, people, words, settings.handoff_hours, settings.retention_text_days, utc_now)


def build_case_returns(app: App) -> CaseReturns | None:
    """Build what lets the bot answer again where staff were silent; None where the service is off."""
    from bot.conversations.case_returns import CaseReturns
    from bot.conversations.outbox import Outbox

    if not app.settings.handoff:
        return None
    outbox = Outbox(app.database, app.vault, utc_now)
    return CaseReturns(app.database, outbox, Catalogues(app.paths.locales), app.settings.handoff_hours, utc_now)


def pushed_names(names: Iterable[str]) -> list[str]:
    """Return those of the channels whose replies we send ourselves; a page fetches its own."""
    from channels.base import PullChannel

    return [name for name in names if not issubclass(_channel_class(name), PullChannel)]


def serve_gateway_metrics(app: App, channels: Collection[str]) -> None:
    """Serve the gateway's metrics on their own port, unless they are off."""
    from bot.conversations.queues import Queues
    from bot.observing import observe_gateway, watched_places

    places = watched_places(app.settings.database_url, app.paths.var)
    observe_gateway(app.settings.metrics_port, Queues(app.database, pushed_names(channels), utc_now), places, channels)


def serve_worker_metrics(app: App, worker: Worker, port: int) -> None:
    """Serve a worker's metrics, unless they are off.

    Args:
        port: 0: the first free one after the gateway's.
    """
    from bot.engine.agent import FreshEngine
    from bot.observing import observe_worker

    engine = worker.parts.engine
    if isinstance(engine, FreshEngine):
        observe_worker(app.settings.metrics_port, port, worker.parts.replies.library, lambda: engine.model)


def ready_cautions(app: App, names: Collection[str]) -> list[ReadyCheck]:
    """Build what `/readyz` warns of beside what it requires."""
    from bot.content.freshness import stale_answers
    from bot.content.loader import load_content
    from bot.conversations.queues import Queues
    from bot.gateway.cautions import cautions

    def withheld() -> int:
        topics = load_content(app.paths.content).topics.values()
        return sum(answer.is_withheld for answer in stale_answers(topics, date.today()))

    def knows_templates() -> bool:
        from channels.whatsapp import WhatsAppSettings
        from channels.whatsapp.diagnosis import missing_templates

        return not missing_templates(read_settings(WhatsAppSettings))

    queues = Queues(app.database, pushed_names(names), utc_now)
    return cautions(queues, withheld, knows_templates if "whatsapp" in names else None)
