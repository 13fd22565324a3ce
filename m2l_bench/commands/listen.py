"""`m2l-bench listen`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from m2l_bench.commands.common import SOME_FAILED, CardsOption, JsonOption, consoles
from m2l_bench.errors import UserError


def listen(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUNS",
            help="Folder of runs, or one dataset's folder in it (default: runs); with --results: CSV files.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Where the page goes.")] = Path("page"),
    task: Annotated[str | None, typer.Option(help="Only this dataset's runs.")] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the originals lie, if not where they were measured.")
    ] = None,
    cards: CardsOption = None,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "",
    captions: Annotated[
        Path | None, typer.Option(metavar="CSV", help="What to say of clips: columns id (or ytid) and caption.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N clips.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Of longer clips the first so many seconds.")] = 30.0,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0: one a core.")] = 0,
    results: Annotated[
        bool, typer.Option("--results", help="Sum up the answers of blind tests in the CSV files that are named.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Write a page to hear and compare what systems made: open DIR/index.html, or put DIR on any web host.

    Switches between original and systems at the same instant and the same loudness; sorts clips by metric; has blind
    tests (ABX, MUSHRA) whose answers it sums up with --results.

    Examples:

        m2l-bench listen runs -o page

        m2l-bench listen runs/musiccaps --data clips --title "My codec" -o page

        m2l-bench listen --results anna.csv ben.csv
    """
    from m2l_bench.console.terminal import ProgressBars, print_json

    stdout, stderr = consoles()
    if results:
        _sum_up(paths or [], json)
        return
    if paths and len(paths) > 1:
        raise UserError("name one folder of runs")
    from m2l_bench.listen.gather import gather
    from m2l_bench.listen.writer import write_page

    collection = gather(paths[0] if paths else Path("runs"), task, data, cards or (), captions, limit)
    heading = title or f"Listen: {collection.dataset}"
    page = write_page(collection, out, heading, seconds, jobs, ProgressBars(stderr))
    for note in (*collection.notes, *(f"{id!r}: left out: {reason}" for id, reason in page.left_out.items())):
        stderr.print(f"  {note}", markup=False, soft_wrap=True)
    if json:
        print_json(
            {"page": str(page.path), "clips": page.clips, "systems": [run.name for run in collection.systems]}
            | {"megabytes": round(page.megabytes, 1), "left_out": page.left_out, "notes": collection.notes}
        )
    else:
        counts = f"{page.clips} clips, {len(collection.systems)} systems, {page.megabytes:.0f} MB"
        stdout.print(f"listening page: {page.path} ({counts})", markup=False, soft_wrap=True)
    if page.left_out:
        raise typer.Exit(SOME_FAILED)


def _sum_up(paths: list[Path], json: bool) -> None:
    if not paths:
        raise UserError("--results: name the CSV files that the page's blind tests gave")
    from m2l_bench.console.terminal import print_json
    from m2l_bench.listen.summary import print_summary, sum_up, summary_json

    stdout, stderr = consoles()
    summary = sum_up(paths)
    if json:
        print_json(summary_json(summary))
    else:
        print_summary(stdout, summary)
    for note in summary.notes:
        stderr.print(f"  {note}", markup=False, soft_wrap=True)
