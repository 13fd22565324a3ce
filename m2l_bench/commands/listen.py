"""`m2l-bench listen`."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import Annotated, Any

import typer

from m2l_bench.commands.common import SOME_FAILED, JsonOption, consoles
from m2l_bench.errors import UserError


def listen(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUNS]", help="Folder of runs, or one dataset's folder in it (default: runs); with --results: CSV files."
        ),
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Where the page goes.")] = Path("page"),
    task: Annotated[str | None, typer.Option(help="Only this dataset's runs.")] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the originals lie, if not where they were measured.")
    ] = None,
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
    if results:
        if not paths:
            raise UserError("--results: name the CSV files that the page's blind tests gave")
        _sum_up(paths, json)
        return
    if paths and len(paths) > 1:
        raise UserError("name one folder of runs")
    from m2l_bench.listen.gather import gather
    from m2l_bench.listen.writer import write_page
    from m2l_bench.terminal import ProgressBars, print_json

    stdout, stderr = consoles()
    collection = gather(paths[0] if paths else Path("runs"), task, data, captions, limit)
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
    from m2l_bench.listen import statistics
    from m2l_bench.listen.answers import read_answers
    from m2l_bench.terminal import print_json, table

    stdout, stderr = consoles()
    answers = read_answers(paths)
    abx = statistics.abx_results(answers.abx)
    excluded = statistics.excluded_listeners(answers.mushra)
    mushra = statistics.mushra_results(answers.mushra, excluded)
    notes = [*answers.notes, *statistics.unfinished(answers.abx)]
    if json:
        print_json(
            {"abx": [asdict(result) for result in abx], "mushra": [asdict_finite(result) for result in mushra]}
            | {"excluded": excluded, "notes": notes}
        )
        return
    if abx:
        rows = [
            [" / ".join(one.pair), one.listener, f"{one.correct}/{one.trials}", f"{one.p:.3g}"] for one in abx
        ]
        stdout.print(table("ABX: X told right, and the chance of that by guessing", ["pair", "listener", "right", "p"], rows))
    if mushra:
        rows = [
            [one.system, one.role, str(one.ratings), f"{one.mean:.1f}", "" if isnan(one.low) else f"[{one.low:.1f}, {one.high:.1f}]"]
            for one in mushra
        ]
        heads = ["system", "role", "ratings", "mean", "95 % interval"]
        stdout.print(table("MUSHRA: mean over listeners and clips", heads, rows))
    for listener, reason in excluded.items():
        stdout.print(f"excluded: {listener or '(no name)'}: {reason}", markup=False, soft_wrap=True)
    for note in notes:
        stderr.print(f"  {note}", markup=False, soft_wrap=True)
