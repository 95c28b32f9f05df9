"""The command line, `ruta`: every program and tool of the project, and the one place where its parts are put together."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from cryptography.fernet import Fernet
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bot.content_commands import content
from bot.drill.commands import drill
from bot.errors import RutaError
from bot.logs import set_up_logging
from bot.privacy_commands import privacy
from bot.upkeep_commands import backup, db, keys, restore
from bot.wiring import (
    App,
    Paths,
    build_case_returns,
    build_channel,
    build_editor_parts,
    build_retention,
    build_stand_in,
    build_worker,
    channel_limits,
    enabled_names,
    open_app,
    ready_cautions,
    require_current,
    serve_gateway_metrics,
    serve_worker_metrics,
    utc_now,
)

if TYPE_CHECKING:
    from bot.content.library import ContentLibrary
    from bot.worker import Worker

ROOT = Path.cwd()
WORKER_NICENESS = 5
"""How much the engine stands back for the gateway on one machine: an answer may wait, an acknowledgement may not."""
WORKER_COLLECTS_AFTER = 5_000
"""New objects after which a worker looks for unused ones; Python's default of 700 means several times a turn."""
screen = Console(stderr=True, highlight=False)
app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, help=__doc__)
whatsapp = typer.Typer(no_args_is_help=True, help="WhatsApp through Twilio.")
telegram = typer.Typer(no_args_is_help=True, help="Telegram.")
editor = typer.Typer(invoke_without_command=True, help="The editor: web pages with which staff keep the content.")
GROUPS = {
    "db": db,
    "keys": keys,
    "drill": drill,
    "content": content,
    "editor": editor,
    "privacy": privacy,
    "whatsapp": whatsapp,
    "telegram": telegram,
}
for name, group in GROUPS.items():
    app.add_typer(group, name=name)
app.command()(backup)
app.command()(restore)


@app.command()
def run() -> None:
    """Run everything on this machine: train if needed, migrate, start gateway, workers and editor, print the addresses.

    A program that dies is started again. Ctrl-C stops all. Settings: .env.example.
    """
    from bot.engine.training import is_model_current
    from bot.supervisor import StartFailed, Supervisor, worker_arguments

    opened = open_app(ROOT)
    enabled_names(opened.settings)
    if is_model_current(ROOT, opened.paths.models):
        screen.print("model        up to date")
    else:
        _train_if_possible(opened.paths)
    _upgrade(opened)
    with Supervisor() as supervisor:
        supervisor.start("gateway", ["gateway"])
        screen.print(f"gateway      ready on {opened.settings.host}:{opened.settings.port}")
        with _spinner("worker       loading the engine"):
            for number in range(1, opened.settings.workers + 1):
                supervisor.start("worker", worker_arguments(opened.settings.metrics_port, number))
        screen.print(f"worker       ready ({opened.settings.workers})")
        try:
            supervisor.start("editor", ["editor"])
            screen.print(f"editor       ready on {opened.settings.host}:{opened.settings.editor_port}")
        except StartFailed as error:  # People who write are answered without it; the supervisor tries it again.
            screen.print(f"editor       {error}", markup=False, style="yellow")
        screen.print(f"\nOpen {opened.settings.public_url}/webchat   (Ctrl-C stops)")
        screen.print(f"Staff  {opened.settings.editor_url}   (first account: ruta editor create-admin E-MAIL)\n")
        supervisor.watch(screen.print)


@app.command()
def gateway() -> None:
    """Run the gateway: takes messages from the channels, stores them, and sends the replies."""
    from bot.supervisor import say_ready

    opened = open_app(ROOT)
    require_current(opened)
    _serve(opened, say_ready)


@app.command()
def worker(
    metrics_port: Annotated[
        int, typer.Option(help="Port for its metrics; left out, it is the first free one after RUTA_METRICS_PORT.")
    ] = 0,
) -> None:
    """Run one worker: answers waiting messages with the engine. Start several for more load."""
    from bot.conversations.turns import fresh_turn
    from bot.supervisor import say_ready

    opened = open_app(ROOT)
    require_current(opened)
    os.nice(WORKER_NICENESS)
    built = build_worker(opened)
    serve_worker_metrics(opened, built, metrics_port)
    asyncio.run(built.decide(fresh_turn("hola", "", utc_now())))  # The first message loads what later ones share.
    gc.set_threshold(WORKER_COLLECTS_AFTER, *gc.get_threshold()[1:])
    say_ready()
    asyncio.run(_work(built))


@app.command()
def train(
    only_if_needed: Annotated[
        bool, typer.Option("--if-needed", help="Do nothing when the model is newer than its data.")
    ] = False,
    accept: Annotated[bool, typer.Option("--accept", help="Use the new model even if a guarded figure falls.")] = False,
) -> None:
    """Train the model from intents/ and content/topics.yml, and use it only if it is no worse; takes about a minute.

    It is measured on tests/nlu/ beside the model in use: top-1, wrong answers and urgent messages recognised, for all, by
    language and by family. If one of them falls by more than two messages the old model stays and the exit code is 2.
    How it stands and what it found is in models/last-training.json; only one training runs at a time.
    """
    from bot.engine.training import is_model_current
    from bot.model_tools import train_model_in_use

    set_up_logging()
    paths = Paths(ROOT)
    if only_if_needed and is_model_current(ROOT, paths.models):
        screen.print("model        up to date")
        return
    train_model_in_use(paths, screen, utc_now(), accept=accept)


@app.command()
def thresholds(
    write: Annotated[
        bool, typer.Option("--write", help="Write them into intents/thresholds.yml; workers read it when they start.")
    ] = False,
) -> None:
    """Set the decision's thresholds, for each language, on the calibration messages in tests/nlu/ with the model in use.

    Prints the old and the new ones and what each does, on the calibration messages and on the test messages, on which they
    were not set.
    """
    from bot.model_tools import set_thresholds

    set_up_logging()
    set_thresholds(Paths(ROOT), screen, write=write)


@app.command()
def chat(
    locale: Annotated[str, typer.Option(help="es, en, fr or pt; found out from what you write if left out.")] = "",
) -> None:
    """Talk to the bot here in the terminal. A number picks a choice; an empty line ends."""
    from bot.terminal import TerminalConversation, reply_lines

    built = _engine_only("loading the engine")
    conversation = TerminalConversation(built, locale, utc_now())
    screen.print("Write as a person would. A number picks a choice; an empty line ends.\n")
    while text := _ask():
        for reply in asyncio.run(conversation.say(text)).replies:
            print("\n".join(reply_lines(reply)) + "\n")


@app.command()
def explain() -> None:
    """Explain decisions: one message per line on standard input, or JSON lines with text and optional locale.

    Prints one JSON line each: locale, ranking, decision, topic, destination, choices, reply, milliseconds. Each line is
    a fresh conversation. A bad line gets error and message instead; the others go on, and the exit code is then 1.
    Example: echo "q visa necesito pa mexico" | ruta explain
    """
    from bot.terminal import explain_safely, useful_lines

    built = _engine_only("loading the engine")
    has_failed = False
    for line in useful_lines(sys.stdin):
        explained = asyncio.run(explain_safely(built, line, utc_now()))
        has_failed = has_failed or "error" in explained
        print(json.dumps(explained, ensure_ascii=False), flush=True)
    raise typer.Exit(1 if has_failed else 0)


@app.command("try-it")
def try_it() -> None:
    """Answer the editor's questions against drafts, JSON lines on standard input; the editor starts it by itself."""
    from bot.content.overlay import OverlaidLibrary
    from bot.engine.training import newest_model
    from bot.try_it import own_output, serve

    output, paths = own_output(), Paths(ROOT)
    os.nice(WORKER_NICENESS)

    def build() -> tuple[Worker, OverlaidLibrary]:
        library = OverlaidLibrary(paths.content)
        return _engine_only("", library), library

    serve(build, partial(newest_model, paths.models), utc_now, output)


@app.command()
def check() -> None:
    """Check content, catalogues and domain; each fault is named with file, line and what to do."""
    from bot.content.checks import check_content
    from bot.i18n import Catalogues
    from bot.locale_checks import check_catalogues
    from bot.settings import Settings
    from bot.vocabulary_checks import check_other_words, check_privacy_words
    from bot.wiring import CHANNELS

    paths = Paths(ROOT)
    limits = list(channel_limits(Settings.parse_obj({"channels": ",".join(CHANNELS), "mode": "development"})).items())
    problems = [*check_content(paths.content, limits, date.today()), *check_catalogues(paths.root)]
    problems += [*check_privacy_words(paths.intents), *check_other_words(paths.intents, Catalogues(paths.locales))]
    for problem in problems:
        place = f"{problem.path.relative_to(ROOT) if problem.path.is_absolute() else problem.path}:{problem.line or 1}"
        screen.print(f"{place}: {'warning' if problem.is_warning else 'error'} [{problem.code}] {problem.message}", markup=False)
    errors = sum(not problem.is_warning for problem in problems)
    screen.print(f"{errors} errors, {len(problems) - errors} warnings")
    raise typer.Exit(1 if errors else 0)


@app.command()
def failures(
    names: Annotated[
        Optional[list[str]], typer.Argument(help="Which ones, as listed, for example message-12; all if left out.")
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Let them be tried again from the start.")] = False,
    close: Annotated[
        bool, typer.Option("--close", help="End those that are named: the record stays, what the person wrote is emptied.")
    ] = False,
) -> None:
    """List what was given up or is stuck: messages without a real answer, replies that did not arrive, stuck conversations.

    One line each: name, channel, time, tries, code; never a text. The exit code is 1 while there are any.
    """
    from bot.conversations.failures import Failures

    opened = open_app(ROOT)
    require_current(opened)
    given_up = Failures(opened.database, utc_now)
    if retry and close:
        raise typer.BadParameter("choose --retry or --close")
    if close:
        screen.print(f"{given_up.close(names or ())} closed")
        return
    if retry:
        screen.print(f"{given_up.retry(names or ())} will be tried again")
        return
    found = [one for one in given_up.list() if not names or one.name in names]
    for one in found:
        print(f"{one.name} {one.channel} {one.at:%Y-%m-%dT%H:%M:%SZ} tries={one.attempts} {one.code or '-'}")
    how = "; `--retry` tries them again, `--close NAME...` ends them"
    screen.print(f"{len(found)} given up or stuck" + (how if found else ""))
    raise typer.Exit(1 if found else 0)


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
    online: Annotated[bool, typer.Option("--online", help="Also ask the channels' providers how we are set up there.")] = False,
) -> None:
    """Say what is wrong with this system and what to do: settings, files, database, keys, model, content, channels, queues.

    The exit code is 0 when all is well, 1 with warnings, 2 with errors.
    """
    from bot.doctor.report import print_json, print_table
    from bot.doctor.system import examine_system
    from bot.findings import exit_code

    found = examine_system(ROOT, online=online)
    (print_json if as_json else print_table)(found)
    raise typer.Exit(exit_code(found))


@db.command("upgrade")
def db_upgrade() -> None:
    """Bring the database's tables to the form that this release needs; safe to repeat."""
    _upgrade(open_app(ROOT))


@editor.callback()
def editor_serve(context: typer.Context) -> None:
    """Run the editor when no command is named; its address is RUTA_EDITOR_URL."""
    if context.invoked_subcommand:
        return
    from bot.editor.app import serve_editor
    from bot.supervisor import say_ready

    opened = open_app(ROOT)
    require_current(opened)
    os.nice(WORKER_NICENESS)  # Checking the content takes seconds of work; whoever writes to the bot comes first.
    serve_editor(build_editor_parts(opened), opened.settings.host, opened.settings.editor_port, say_ready)


@editor.command("create-admin")
def editor_create_admin(email: str) -> None:
    """Print a link with which the first admin makes an account, good once within 72 hours; admins invite everybody else.

    For somebody who has an account already it prints a link that sets a new password and gives the role admin.
    """
    from bot.editor.commands import invite_admin

    opened = open_app(ROOT)
    require_current(opened)
    print(invite_admin(build_editor_parts(opened), email))


@editor.command("audit")
def editor_audit(
    verify: Annotated[bool, typer.Option("--verify", help="Check the chain; the exit code is 1 when it is broken.")] = False,
) -> None:
    """Print the audit log, the oldest entry first: number, time, who, action, target, detail. Names are not printed."""
    from bot.editor.commands import audit_lines

    opened = open_app(ROOT)
    require_current(opened)
    audit = build_editor_parts(opened).audit
    if not verify:
        print("\n".join(audit_lines(audit)))
        return
    count, last_hash, broken = audit.verify()
    verdict = f"broken at {broken[0]}" if broken else "the chain is whole"
    screen.print(f"{count} entries, last hash {last_hash[:16]}, {verdict}")
    raise typer.Exit(1 if broken else 0)


@whatsapp.command("setup")
def whatsapp_setup() -> None:
    """Create the fixed set of message templates for buttons and lists at Twilio; safe to repeat."""
    from bot.settings import read_settings
    from channels.whatsapp import WhatsAppSettings, set_up_templates

    open_app(ROOT)
    asyncio.run(set_up_templates(read_settings(WhatsAppSettings), screen.print))


@telegram.command("setup")
def telegram_setup() -> None:
    """Tell Telegram where to send messages (or that we poll) and which commands to show; safe to repeat."""
    from bot.i18n import LOCALES, N_, Catalogues
    from bot.settings import read_settings
    from channels.telegram import TelegramSettings, set_up

    opened = open_app(ROOT)
    texts = Catalogues(opened.paths.locales)
    words = {
        "menu": N_("command.menu"),
        "idioma": N_("command.language"),
        "ayuda": N_("command.help"),
        "privacidad": N_("command.privacy"),
    }
    commands = {locale: [(word, texts.text(locale, key)) for word, key in words.items()] for locale in LOCALES}
    asyncio.run(set_up(read_settings(TelegramSettings), opened.settings.public_url, commands, screen.print))


def main() -> None:
    """Run the command line; an error of ours is one plain line and exit code 2."""
    try:
        app()
    except RutaError as error:
        screen.print(f"error [{error.code}]: {error}", markup=False, style="red", soft_wrap=True)
        sys.exit(2)


def _serve(opened: App, on_ready: Callable[[], None]) -> None:
    from bot.gateway.serve import serve

    channels = {channel: build_channel(opened, channel) for channel in enabled_names(opened.settings)}
    secrets = [secret for channel in channels.values() for secret in channel.secrets()]
    set_up_logging(opened.settings.log_level, [*opened.settings.secret_values(), *secrets], opened.settings.log_format)
    serve_gateway_metrics(opened, channels)
    serve(
        opened.settings,
        opened.database,
        opened.vault,
        channels,
        utc_now,
        on_ready,
        partial(build_stand_in, opened),
        build_retention(opened),
        ready_cautions(opened, channels),
        build_case_returns(opened),
    )


async def _work(built: Worker) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, built.stop)
    await built.run()


def _train_if_possible(paths: Paths) -> None:
    """Train, but let a model that is there answer when the new one is refused or cannot be made: people wait for answers."""
    from bot.engine.training import newest_model
    from bot.model_tools import train_model_in_use

    try:
        train_model_in_use(paths, screen, utc_now())
    except RutaError as error:
        if newest_model(paths.models) is None:
            raise
        screen.print(f"model        the old one stays [{error.code}]: {error}", markup=False, style="yellow")


def _upgrade(opened: App) -> None:
    from bot.storage.upgrade import upgrade_database

    before, after = upgrade_database(opened.database)
    screen.print(f"database     {'up to date' if before == after else f'{before or chr(45)} -> {after}'}")


def _engine_only(what: str, library: Optional[ContentLibrary] = None) -> Worker:
    """Build a worker that decides without storing: its database is never touched."""
    from bot.settings import Settings
    from bot.storage.session import Database
    from bot.storage.vault import Vault

    set_up_logging("WARNING")
    key = Fernet.generate_key().decode()
    settings = Settings.parse_obj({"mode": "development", "channels": "webchat"})
    with _spinner(what):
        return build_worker(
            App(Paths(ROOT), settings, Vault([key], key), Database("sqlite://")), watches_models=False, library=library
        )


def _spinner(what: str) -> Progress:
    progress = Progress(SpinnerColumn(), TextColumn(what), TimeElapsedColumn(), console=screen, transient=True)
    progress.add_task(what, total=None)
    return progress


def _ask() -> Optional[str]:
    try:
        return input("> ").strip()
    except (EOFError, KeyboardInterrupt):
        return None


if __name__ == "__main__":
    main()
