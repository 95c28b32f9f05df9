"""The commands that keep a system over the years: the database's form, keys, backup and restore. `bot.cli` puts them in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from cryptography.fernet import Fernet
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from bot.wiring import open_app, utc_now

if TYPE_CHECKING:
    from bot.storage.rotation import KeyUse
    from bot.storage.snapshots import OnBytes

ROOT = Path.cwd()
FOLDERS = ("content", "intents", "locales")
screen = Console(stderr=True, highlight=False)
db = typer.Typer(no_args_is_help=True, help="The database's form.")
keys = typer.Typer(invoke_without_command=True, help="Keys that encrypt personal data; alone it prints fresh ones for .env.")


@db.command("current")
def db_current() -> None:
    """Print the database's form and this release's; the exit code is 1 when this release cannot use it."""
    from bot.storage.revision import HEAD, can_serve, stored_revision

    database = open_app(ROOT).database
    present, serves = stored_revision(database), can_serve(database)
    print(f"database {present or '-'}, release {HEAD}: {'can be used' if serves else 'cannot be used'}")
    raise typer.Exit(0 if serves else 1)


@db.command("downgrade")
def db_downgrade(
    revision: Annotated[str, typer.Argument(help="The form to go back to; `base` removes all tables.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take the database back to an older form, after saying what that deletes; stop the programs and make a backup first."""
    from bot.storage.upgrade import downgrade_database, losses_of_downgrade

    database = open_app(ROOT).database
    for loss in losses_of_downgrade(database, revision):
        what = f"{loss.table}.{loss.column}" if loss.column else f"table {loss.table}"
        screen.print(f"deletes      {what}: {loss.rows} rows", markup=False, soft_wrap=True)
    if not yes:
        typer.confirm(f"Take the database down to {revision}?", abort=True, err=True)
    before, after = downgrade_database(database, revision)
    screen.print(f"database     {before} -> {after or '-'}")


@keys.callback()
def keys_print(context: typer.Context) -> None:
    """Print fresh keys for RUTA_ENCRYPTION_KEYS and RUTA_HASH_KEY, to be put into .env; or work on the keys in use."""
    if context.invoked_subcommand is None:
        print(f"RUTA_ENCRYPTION_KEYS={Fernet.generate_key().decode()}\nRUTA_HASH_KEY={Fernet.generate_key().decode()}")


@keys.command("status")
def keys_status() -> None:
    """Show how many values each key opens. A key that opens none can be removed, once no backup needs it.

    The exit code is 1 when there are values that no key opens.
    """
    from bot.storage.rotation import count_encrypted, survey_keys

    opened = open_app(ROOT)
    with _bar("reading", count_encrypted(opened.database)) as advance:
        uses = survey_keys(opened.database, opened.vault, advance)
    _show_keys(uses, opened.vault.fingerprints)


@keys.command("rotate")
def keys_rotate() -> None:
    """Encrypt all personal data with the newest key, the first in RUTA_ENCRYPTION_KEYS, while the programs run.

    Restart all programs with the new key first, the old ones behind it. Stopping it loses nothing; run it again.
    """
    from bot.storage.rotation import count_encrypted, rotate_keys, survey_keys

    opened = open_app(ROOT)
    total = count_encrypted(opened.database)
    with _bar("encrypting", total) as advance:
        done = rotate_keys(opened.database, opened.vault, advance)
    screen.print(f"keys         {done} values encrypted anew")
    with _bar("checking", total) as advance:
        uses = survey_keys(opened.database, opened.vault, advance)
    _show_keys(uses, opened.vault.fingerprints)


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; with --verify the one to check.")],
    folders: Annotated[bool, typer.Option("--folders", help="Also take content/, intents/ and locales/ in.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Only read a backup whole and say what it holds.")] = False,
) -> None:
    """Write the whole database into one encrypted file, while the programs run; it is read back before it gets its name.

    Only the keys in RUTA_ENCRYPTION_KEYS open it: keep a copy of .env in another place.
    """
    from bot.storage.backup import make_backup, read_backup
    from bot.storage.snapshots import size_of

    opened = open_app(ROOT)
    if verify:
        with _byte_bar("reading", None) as advance:
            manifest = read_backup(file, opened.vault, advance)
    else:
        taken = {name: ROOT / name for name in FOLDERS} if folders else {}
        with _byte_bar("backing up", size_of(opened.database)) as advance:
            manifest = make_backup(opened.database, opened.vault, file, taken, utc_now(), advance)
    what = f"{manifest.kind} {manifest.revision or '-'}, {manifest.database_bytes} bytes, {manifest.files} files"
    screen.print(f"backup       {file}: whole; made {manifest.made_at}, {what}", markup=False, soft_wrap=True)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `ruta backup` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Also when the database holds something, which is kept beside.")
    ] = False,
    folders_to: Annotated[
        Path | None, typer.Option("--folders-to", help="A new folder for content/, intents/ and locales/ of the backup.")
    ] = None,
) -> None:
    """Put a backup in the place of the database, all or nothing; stop all programs first.

    Messages that came after the backup are not in it; replies that were waiting in it go out when the gateway starts.
    """
    from bot.storage.backup import restore_backup
    from bot.storage.revision import HEAD

    opened = open_app(ROOT)
    with _byte_bar("checking and restoring", None) as advance:
        manifest, kept = restore_backup(
            opened.database, opened.vault, file, utc_now(), advance, replace=replace, folders=folders_to
        )
    screen.print(f"restored     {manifest.kind} {manifest.revision}, made {manifest.made_at}", markup=False, soft_wrap=True)
    if kept:
        screen.print(f"kept         what was there before is in {kept}; delete it when all is well", markup=False, soft_wrap=True)
    if manifest.revision != HEAD:
        screen.print("next         `ruta db upgrade`, since the backup is of an older release")


def _show_keys(uses: Sequence[KeyUse], fingerprints: Sequence[str]) -> None:
    table = Table("column", *(f"key {number} ({name})" for number, name in enumerate(fingerprints, 1)), "no key")
    for use in uses:
        table.add_row(f"{use.table}.{use.column}", *map(str, use.rows), str(use.unreadable))
    screen.print(table)
    lost = [f"{use.table}.{use.column}: {use.unreadable}" for use in uses if use.unreadable]
    for position, name in enumerate(fingerprints):
        if position and not any(use.rows[position] for use in uses):
            screen.print(f"key {position + 1} ({name}) opens nothing here and can be removed once no backup needs it")
    if lost:
        screen.print(
            f"no key opens {', '.join(lost)}; nothing was changed there, add the key that is missing", style="red", soft_wrap=True
        )
        raise typer.Exit(1)


@contextmanager
def _bar(what: str, total: int) -> Iterator[OnBytes]:
    with _running(what, total, MofNCompleteColumn()) as advance:
        yield advance


@contextmanager
def _byte_bar(what: str, total: int | None) -> Iterator[OnBytes]:
    with _running(what, total, DownloadColumn()) as advance:
        yield advance


@contextmanager
def _running(what: str, total: int | None, counter: ProgressColumn) -> Iterator[OnBytes]:
    columns = (TextColumn("{task.description}"), BarColumn(), counter, TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.update(task, advance=count)
