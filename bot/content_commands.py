"""The commands for the content folder. `bot.cli` puts them in place."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.logs import set_up_logging
from bot.wiring import Paths, open_app, require_current, utc_now

ROOT = Path.cwd()
screen = Console(stderr=True, highlight=False)
content = typer.Typer(no_args_is_help=True, help="Small tools for the content folder.")


@content.command("hash")
def content_hash(files: list[Path], write: Annotated[bool, typer.Option(help="Write it into the translation.")] = False) -> None:
    """Print the hash of the text that a translation was made from; with --write put it into the file."""
    from bot.content.translations import source_hash_of, write_source_hash

    for file in files:
        print(f"{file} {write_source_hash(file) if write else source_hash_of(file)}")


@content.command("dialogue-picture")
def content_dialogue_picture(
    write: Annotated[bool, typer.Option("--write", help="Write them into docs/dialogues.md.")] = False,
) -> None:
    """Print the picture of each guided dialogue, as Mermaid text; with --write put them into the page."""
    from bot.content.dialogue_picture import draw_dialogue, write_pictures
    from bot.content.loader import load_content

    dialogues = load_content(Paths(ROOT).content).dialogues.values()
    page = ROOT / "docs" / "dialogues.md"
    if write:
        page.write_text(write_pictures(page, dialogues, "es"), encoding="utf-8")
        screen.print("written      docs/dialogues.md")
    else:
        print("\n".join(draw_dialogue(dialogue, "es") for dialogue in dialogues), end="")


@content.command("table")
def content_table(write: Annotated[bool, typer.Option("--write", help="Write it into docs/topics.md.")] = False) -> None:
    """Print the table of topics: languages, countries, sources, dates and examples of each."""
    from bot.content.table import topics_table

    paths = Paths(ROOT)
    table = topics_table(paths.content, paths.intents / "nlu")
    if write:
        (ROOT / "docs" / "topics.md").write_text(table, encoding="utf-8")
        screen.print("written      docs/topics.md")
    else:
        print(table, end="")


@content.command("links")
def content_links(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of all addresses.")] = False) -> None:
    """Ask every address of sources, facts and help points whether it still answers; takes some minutes.

    One line for each that is broken, moved or unsure; results are kept for the editor. The exit code is 1 when any is broken,
    2 without a network: then nothing is changed.
    """
    from bot.content.loader import load_content
    from bot.link_checks import NoNetwork, check_links, link_lines, links_of, results_data, write_results

    paths = Paths(ROOT)
    set_up_logging()
    try:
        results = asyncio.run(check_links(links_of(load_content(paths.content), paths.content), utc_now))
    except NoNetwork as error:
        print(json.dumps({"error": error.code})) if as_json else screen.print(str(error), style="yellow")
        raise typer.Exit(2) from None
    write_results(paths.var / "links.json", results)
    print(json.dumps(results_data(results), ensure_ascii=False) if as_json else "\n".join(link_lines(results)))
    raise typer.Exit(1 if any(one.is_broken for one in results) else 0)


@content.command("feedback")
def content_feedback() -> None:
    """Print what people said of each answer; what many found unhelpful stands first, marked LOW if it is the text sent now.

    Tab-separated: topic, country, language, text's hash, whether it is sent now, helped, did not help, reasons.
    """
    from bot.content.loader import load_content
    from bot.conversations.feedback_counts import count_feedback

    opened = open_app(ROOT)
    require_current(opened)
    for one in count_feedback(opened.database, load_content(opened.paths.content)):
        reasons = ", ".join(f"{name} {count}" for name, count in one.reasons) or "-"
        state = "LOW" if one.is_low else "now" if one.is_current else "old"
        row = (one.topic, one.destination or "-", one.locale, one.version, state, one.helpful, one.unhelpful, reasons)
        print("\t".join(map(str, row)))
