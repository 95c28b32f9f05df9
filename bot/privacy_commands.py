"""The commands for the data officer: what is kept of people, how long, and proof that it goes. `bot.cli` puts them in place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.wiring import build_retention, open_app, require_current

ROOT = Path.cwd()
screen = Console(stderr=True, highlight=False)
privacy = typer.Typer(no_args_is_help=True, help="What is kept of people, for how long, and proof that it goes.")


@privacy.command("purge")
def privacy_purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be deleted.")] = False,
) -> None:
    """Delete what is past its time, as the gateway does every hour; one line for each kind of data."""
    opened = open_app(ROOT)
    require_current(opened)
    for kind, count in build_retention(opened).purge(only_count=dry_run).items():
        print(f"{kind} {count}")


@privacy.command("report")
def privacy_report(as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False) -> None:
    """Show for each kind of data how much there is, the oldest, its limit, and what is overdue; never a text.

    The exit code is 1 while anything lies more than two hours past its limit: then the gateway's hourly purge does not run.
    """
    from bot.privacy_tools import report_data, report_lines

    opened = open_app(ROOT)
    require_current(opened)
    reports = build_retention(opened).report()
    print(json.dumps(report_data(reports)) if as_json else "\n".join(report_lines(reports)))
    raise typer.Exit(1 if any(one.overdue for one in reports) else 0)


@privacy.command("statistics")
def privacy_statistics(
    since: Annotated[str, typer.Option(help="The first day, as 2026-11-01.")],
    until: Annotated[str, typer.Option(help="The last day, as 2026-11-30.")],
) -> None:
    """Count people by topic, language and channel; groups of ten or fewer are not shown.

    Tab-separated: table, name, people. Do not publish periods that overlap: their difference could show a small group.
    """
    from bot.conversations.statistics import publish, read_counts
    from bot.privacy_tools import period, statistics_lines

    opened = open_app(ROOT)
    require_current(opened)
    for line in statistics_lines(publish(read_counts(opened.database, *period(since, until)))):
        print(line)


@privacy.command("stories")
def privacy_stories(
    since: Annotated[str, typer.Option(help="The first month, as 2026-01.")],
    until: Annotated[str, typer.Option(help="The last month, as 2026-12.")],
    survey: Annotated[str, typer.Option(help="Which survey.")] = "share_story",
) -> None:
    """Count the answers to the survey; groups of ten or fewer are not shown.

    Tab-separated: question, answer, people; `unsaid` are those who did not answer the question. Do not publish periods that
    overlap: their difference could show a small group.
    """
    from bot.conversations.stories import count_stories, months
    from bot.privacy_tools import story_lines

    span = months(since, until)
    opened = open_app(ROOT)
    require_current(opened)
    screen.print("Do not publish or pass on periods that overlap: their difference could show a small group.")
    for line in story_lines(*count_stories(opened.database, survey, *span)):
        print(line)


@privacy.command("receipt")
def privacy_receipt(code: Annotated[str, typer.Argument(help="The code that the person was given.")]) -> None:
    """Confirm an erasure by its code: print when it was done; the exit code is 1 if we know no such code."""
    from bot.conversations.erasure import Receipts

    opened = open_app(ROOT)
    require_current(opened)
    erased_at = Receipts(opened.database, opened.vault).erased_at(code)
    print(f"erased {erased_at:%Y-%m-%dT%H:%M:%SZ}" if erased_at else "unknown")
    raise typer.Exit(0 if erased_at else 1)


@privacy.command("complaints")
def privacy_complaints(
    show: Annotated[int, typer.Option(help="Print the text of the complaint with this number.")] = 0,
    code: Annotated[str, typer.Option(help="Print the number of the complaint with this receipt code.")] = "",
) -> None:
    """List complaints about staff or officials: number, time, language; no text is printed unless one is asked for.

    Only people on the short list may run this. The exit code is 1 when there is no such complaint.
    """
    from bot.conversations.complaints import Complaints

    opened = open_app(ROOT)
    require_current(opened)
    complaints = Complaints(opened.database, opened.vault)
    if show or code:
        found = complaints.read(show) if show else complaints.number_of(code)
        print("unknown" if found is None else found)
        raise typer.Exit(1 if found is None else 0)
    for number, at, locale in complaints.list():
        print(f"{number} {at:%Y-%m-%dT%H:%M:%SZ} {locale}")
