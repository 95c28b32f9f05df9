"""Migrations that do not exist yet, the release before, and what a database looks like, for tests of upgrades."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from sqlalchemy import inspect

from bot.storage import upgrade
from bot.storage.revision import SERVING
from bot.storage.session import Database

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = "bot/storage/migrations/versions"
NEXT = "next"
"""The revision of the migration that a test adds."""
ADDITIVE = """
    op.create_table("added_table", sa.Column("id", sa.Integer(), primary_key=True))
    with op.batch_alter_table("contact", recreate=anew()) as batch:
        batch.add_column(sa.Column("added_text", sa.String(20), nullable=True))
        batch.add_column(sa.Column("added_number", sa.Integer(), nullable=False, server_default="0"))
"""
"""A change that the release before does not notice; on SQLite the table is built anew."""
ADDITIVE_BACK = """
    with op.batch_alter_table("contact") as batch:
        batch.drop_column("added_number")
        batch.drop_column("added_text")
    op.drop_table("added_table")
"""
BREAKING = """
    with op.batch_alter_table("contact", recreate=anew()) as batch:
        batch.add_column(sa.Column("added_number", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("contact", recreate=anew()) as batch:
        batch.alter_column("added_number", server_default=None)
"""
"""A change that the release before does notice: it fills no `added_number`."""


@dataclass
class NextRelease:
    """The migrations of this release and one more; `with release.known():` stands for the next release's own code."""

    folder: Path

    def known(self) -> Any:
        """Return a context in which the migrations of the next release are ours."""
        return mock.patch.object(upgrade, "_FOLDER", self.folder)


def make_next_release(folder: Path, up: str = ADDITIVE, down: str = ADDITIVE_BACK, oldest_serving: str = "") -> NextRelease:
    """Write a copy of the migrations with one more at the end."""
    copied = folder / "migrations"
    shutil.copytree(ROOT / "bot" / "storage" / "migrations", copied, ignore=shutil.ignore_patterns("__pycache__"))
    head = (
        f"import sqlalchemy as sa\nfrom alembic import op\n\nrevision = {NEXT!r}\ndown_revision = {upgrade.newest_revision()!r}\n"
    )
    head += "def anew():\n    return 'always' if op.get_bind().dialect.name == 'sqlite' else 'never'\n\n"
    head += f"oldest_serving = {oldest_serving or None!r}\n"
    text = f"{head}\n\ndef upgrade():{up or '    pass'}\n\ndef downgrade():{down or '    pass'}\n"
    (copied / "versions" / "next_release.py").write_text(text, encoding="utf-8")
    return NextRelease(copied)


Schema = dict[str, dict[str, Any]]


def schema_of(database: Database) -> Schema:
    """Return tables, columns, and what can refuse a row: unique keys and foreign keys."""
    with database.engine.connect() as connection:
        found = inspect(connection)
        names = set(found.get_table_names()) - {"alembic_version", SERVING.name}
        return {
            name: {
                "columns": {
                    one["name"]: (str(one["type"]), one["nullable"], one["default"] is not None)
                    for one in found.get_columns(name)
                },
                "unique": {tuple(key["column_names"]) for key in found.get_unique_constraints(name)}
                | {tuple(index["column_names"]) for index in found.get_indexes(name) if index["unique"]},
                "foreign": {
                    (*key["constrained_columns"], key["referred_table"], str(key["options"].get("ondelete")))
                    for key in found.get_foreign_keys(name)
                },
                "checks": {str(check["sqltext"]) for check in found.get_check_constraints(name)},
            }
            for name in names
        }


def what_breaks_the_release_before(before: Schema, after: Schema) -> list[str]:
    """Return the changes that a release which does not know them would stumble over; an addition is none of them."""
    faults = [f"{name}: the table is gone" for name in sorted(before.keys() - after.keys())]
    for name in sorted(before.keys() & after.keys()):
        old, new = before[name]["columns"], after[name]["columns"]
        faults += [f"{name}.{column}: gone" for column in sorted(old.keys() - new.keys())]
        for column, (kind, nullable, has_default) in sorted(new.items()):
            if column not in old:
                if not (nullable or has_default):
                    faults.append(f"{name}.{column}: new, without a value for those who do not know it")
            elif old[column][0] != kind:
                faults.append(f"{name}.{column}: was {old[column][0]}, is {kind}")
            elif old[column][1] and not nullable:
                faults.append(f"{name}.{column}: may no longer be empty")
            elif old[column][2] and not has_default:
                faults.append(f"{name}.{column}: has lost its default")
        for rule in ("unique", "foreign", "checks"):
            known = [one for one in after[name][rule] if one not in before[name][rule]]
            faults += [f"{name}: new rule {one}" for one in known if rule == "checks" or not _is_about_new_columns(one, old)]
    return faults


def _is_about_new_columns(rule: tuple[str, ...], old: dict[str, Any]) -> bool:
    return any(part not in old for part in rule[:1])


def previous_release() -> str:
    """Return the commit of the release before: the newest tag, or what stood before the newest migration; empty if unknown.

    A shallow clone, or a first migration, has none.
    """
    tag = _git("describe", "--tags", "--abbrev=0", "HEAD^")
    if tag:
        return tag
    newest = next((ROOT / VERSIONS).glob(f"{upgrade.newest_revision()}_*.py"))
    added = _git("log", "--first-parent", "-m", "--diff-filter=A", "--format=%H", "-1", "--", str(newest.relative_to(ROOT)))
    before = _git("rev-parse", "--verify", "--quiet", f"{added}^") if added else ""
    return before if before and _git("ls-tree", "--name-only", before, f"{VERSIONS}/") else ""


def unpack(commit: str, folder: Path) -> Path:
    """Write the code of a commit into a folder."""
    archive = subprocess.run(["git", "archive", commit, "bot", "channels", "tests"], cwd=ROOT, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder)
    return folder


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
