"""`ruta drill`: exercises that prove on this machine what the system promises."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from cryptography.fernet import Fernet
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bot.wiring import App, Paths, build_worker, utc_now

ROOT = Path.cwd()
screen = Console(stderr=True, highlight=False)
drill = typer.Typer(no_args_is_help=True, help="Exercises that prove what the system promises.")


@drill.callback()
def drill_group() -> None:
    """Keep `safety` a command of its own while it is the only one."""


@drill.command("safety")
def drill_safety(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object instead of a table.")] = False,
    only: Annotated[str, typer.Option(help="Only sentences of this topic.")] = "",
) -> None:
    """Play what people in danger write (intents/drill/safety.yml) in every state of a conversation, and print a table to sign.

    States: a first message, after an answer, in the menu, after a miss, among too many messages, after STOP, while no worker
    runs, and with an engine that fails. The parts are the real ones, on a database of their own. The exit code is 1 if one fails.
    """
    from bot.drill.bench import Bench
    from bot.drill.report import print_json, print_table, read_stamp
    from bot.drill.safety import STATES, play
    from bot.drill.scenarios import Script, read_script
    from bot.engine.training import newest_model
    from bot.logs import set_up_logging
    from bot.settings import Settings
    from bot.storage.session import Database
    from bot.storage.upgrade import upgrade_database
    from bot.storage.vault import Vault

    set_up_logging("CRITICAL")
    paths, key = Paths(ROOT), Fernet.generate_key().decode()
    read = read_script(paths.intents / "drill" / "safety.yml")
    script = Script(tuple(one for one in read.scenarios if only in ("", one.topic)), read.answered, read.missed)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with tempfile.TemporaryDirectory() as folder, Progress(*columns, console=screen, transient=True) as progress:
        task = progress.add_task("safety drill", total=len(STATES) * len(script.scenarios))
        database, vault = Database(f"sqlite:///{folder}/drill.db"), Vault([key], key)
        upgrade_database(database)
        settings = Settings.parse_obj({"mode": "development", "channels": "webchat"})
        parts = build_worker(App(paths, settings, vault, database), watches_models=False).parts
        bench = Bench(database, vault, parts, paths, utc_now())
        cases = asyncio.run(play(bench, script, on_case=lambda case: progress.advance(task)))
        database.close()
    model = newest_model(paths.models)
    (print_json if as_json else print_table)(read_stamp(ROOT, model.name if model else "-", utc_now()), cases)
    raise typer.Exit(1 if not cases or any(case.fault for case in cases) else 0)
