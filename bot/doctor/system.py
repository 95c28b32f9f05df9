"""Put the doctor's looks together for the system as it is set up in a folder."""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Iterable, Iterator
from datetime import date
from functools import partial
from pathlib import Path

from bot.doctor import Look, examine
from bot.doctor.database import look_at_clock, look_at_database, look_at_keys, look_at_queues
from bot.doctor.handoff import look_at_handoff
from bot.doctor.knowledge import look_at_content, look_at_model
from bot.doctor.machine import look_at_disks, look_at_mode, look_at_secrets
from bot.errors import SettingsError
from bot.findings import Finding, Level, fault, fine
from bot.settings import Settings, read_settings
from bot.wiring import CHANNELS, App, Paths, enabled_names, open_app, pushed_names, settings_class, utc_now


def examine_system(root: Path, *, online: bool = False) -> list[Finding]:
    """Return what is right and wrong with the system in a folder; without `online` nothing leaves this machine."""
    paths = Paths(root)
    found = examine([("machine", partial(look_at_secrets, root, paths.var)), *_knowledge(paths)])
    try:
        app = open_app(root)
        names = enabled_names(app.settings)
    except SettingsError as error:
        return [fault("settings_invalid", str(error), "Correct .env (.env.example explains each setting)."), *found]
    return [
        *examine([("settings", partial(_channel_settings, names)), ("mode", partial(look_at_mode, app.settings.mode, names))]),
        *found,
        *_examine_stored(app, names),
        *examine([(name, partial(diagnose_channel, app.settings, name, online=online)) for name in names]),
    ]


def _knowledge(paths: Paths) -> list[tuple[str, Look]]:
    from bot.engine.training import is_model_current, newest_model

    is_current = is_model_current(paths.root, paths.models)
    return [
        ("model", partial(look_at_model, newest_model(paths.models), is_current=is_current)),
        ("content", partial(look_at_content, paths.content, date.today())),
    ]


def _examine_stored(app: App, names: Iterable[str]) -> list[Finding]:
    from bot.conversations.queues import Queues
    from bot.observing import watched_places

    places = watched_places(app.settings.database_url, app.paths.var)
    disks = examine([("disk", partial(look_at_disks, places))])
    database = examine([("database", partial(look_at_database, app.database))])
    if any(finding.level is Level.ERROR and finding.code.startswith("database") for finding in database):
        return [*disks, *database]  # There is nothing to read.
    people = app.paths.content / "people.yml"
    stored: list[tuple[str, Look]] = [
        ("keys", partial(look_at_keys, app.database, app.vault)),
        ("clock", partial(look_at_clock, app.database, utc_now())),
        ("handoff", partial(look_at_handoff, app.database, people, utc_now(), is_on=app.settings.handoff)),
        ("queues", partial(look_at_queues, Queues(app.database, pushed_names(names), utc_now))),
    ]
    return [*disks, *database, *examine(stored)]


def _channel_settings(names: Iterable[str]) -> Iterator[Finding]:
    broken = False
    for name in names:
        try:
            read_settings(settings_class(name))
        except SettingsError as error:
            broken = True
            yield fault("settings_invalid", str(error), "Correct .env (.env.example explains each setting).")
    if not broken:
        known = sum(variable.startswith("RUTA_") for variable in os.environ)
        yield fine("settings_valid", f"{known} settings are set, all are known and well-formed")


def diagnose_channel(settings: Settings, name: str, *, online: bool) -> list[Finding]:
    """Return what one channel says about itself; nothing when its settings cannot be read, which is told elsewhere."""
    try:
        own = read_settings(settings_class(name))
    except SettingsError:
        return []
    package = CHANNELS[name][0]
    found: list[Finding] = asyncio.run(
        importlib.import_module(f"{package}.diagnosis").diagnose(own, settings.public_url, online=online)
    )
    return found
