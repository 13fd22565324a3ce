"""`m2l-bench listen`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2l_bench.commands.common import (
    SOME_FAILED,
    AddressOption,
    CardsOption,
    EngineName,
    EngineOption,
    JsonOption,
    consoles,
)
from m2l_bench.errors import UserError
from m2l_bench.text import counted

if TYPE_CHECKING:
    from m2l_bench.engine import Engine
    from m2l_bench.listen.content import Collection


def listen(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUNS",
            help="Folder of runs, or one dataset's folder in it, or what `generate` wrote; default: runs. With "
            "--results: CSV files of answers, of the page or of webMUSHRA.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for the page.")] = Path("page"),
    task: Annotated[str | None, typer.Option(help="Use only runs over this dataset.")] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the originals, if they were moved after measuring.")
    ] = None,
    cards: CardsOption = None,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "",
    captions: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Captions of clips: columns id (or ytid) and caption.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Use only the first N clips.")] = None,
    seconds: Annotated[float, typer.Option(min=1, metavar="SEC", help="Cut longer clips to this many seconds.")] = 30.0,
    jobs: Annotated[int, typer.Option(min=0, metavar="N", help="Worker processes; 0: one per core.")] = 0,
    engine: EngineOption = EngineName.local,
    address: AddressOption = "",
    webmushra: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a test for webMUSHRA into this folder, in place of the page."),
    ] = None,
    results: Annotated[
        bool, typer.Option("--results", help="Summarise the answers of blind tests in the named CSV files.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Write a page to hear and compare reconstructions: open DIR/index.html, or put DIR on any web host.

    The page switches between original and systems at the same instant and the same loudness, sorts clips by metric,
    and has blind tests (ABX, MUSHRA). `--results` summarises their answers. `--webmushra` writes a MUSHRA test for
    webMUSHRA, which collects answers on a server; it has at most 12 s of each clip. DIR is the folder of webMUSHRA, or
    a new folder to copy into it.

    For a folder that `generate` wrote, the page plays samples, floors and ceilings of each system beside the held-out
    music. It has no blind tests.

    Examples:

        m2l-bench listen runs -o page

        m2l-bench listen runs/musiccaps --data clips --title "My codec" -o page

        m2l-bench listen runs --limit 8 --webmushra webMUSHRA

        m2l-bench listen runs/generate -o page

        m2l-bench listen --results anna.csv ben.csv
    """
    from m2l_bench.console.terminal import ProgressBars, print_json

    stdout, stderr = consoles()
    if results:
        _sum_up(paths or [], json)
        return
    if paths and len(paths) > 1:
        raise UserError("more than one folder of runs: name only one")
    from m2l_bench.engine import EngineChoice
    from m2l_bench.listen.gather import gather
    from m2l_bench.listen.generated import gather_generated, holds_generated_sets

    folder = paths[0] if paths else Path("runs")
    if holds_generated_sets(folder):
        options = {"--task": task, "--data": data, "--captions": captions, "--webmushra": webmushra}
        for option, value in options.items():
            if value is not None:
                raise UserError(f"{option} is for runs of `reconstruct`, and {folder} holds what `generate` wrote")
        collection = gather_generated(folder, cards or (), limit)
    else:
        collection = gather(folder, task, data, cards or (), captions, limit)
    heading = title or f"Listen: {collection.dataset}"
    workers = EngineChoice(engine.value, address).start("cpu", jobs)
    if webmushra is not None:
        _write_webmushra(collection, webmushra, heading, seconds, workers, json)
        return
    from m2l_bench.listen.writer import write_page

    page = write_page(collection, out, heading, seconds, workers, ProgressBars(stderr))
    for note in (*collection.notes, *(f"{id!r}: left out: {reason}" for id, reason in page.left_out.items())):
        stderr.print(f"  {note}", markup=False, soft_wrap=True)
    if json:
        print_json(
            {"page": str(page.path), "clips": page.clips, "systems": [run.name for run in collection.systems]}
            | {"megabytes": round(page.megabytes, 1), "left_out": page.left_out, "notes": collection.notes}
        )
    else:
        systems = counted(len(collection.systems), "system" if collection.reference.corresponds else "set")
        counts = f"{counted(page.clips, 'clip')}, {systems}, {page.megabytes:.0f} MB"
        stdout.print(f"listening page: {page.path} ({counts})", markup=False, soft_wrap=True)
    if page.left_out:
        raise typer.Exit(SOME_FAILED)


def _write_webmushra(collection: Collection, out: Path, title: str, seconds: float, engine: Engine, json: bool) -> None:
    """Write a test for webMUSHRA, and print where it is."""
    from m2l_bench.console.terminal import ProgressBars, print_json
    from m2l_bench.listen.webmushra import write_webmushra

    stdout, stderr = consoles()
    test = write_webmushra(collection, out, title, seconds, engine, ProgressBars(stderr))
    left_out = [f"{id!r}: left out: {reason}" for id, reason in test.left_out.items()]
    for note in (*collection.notes, *test.notes, *left_out):
        stderr.print(f"  {note}", markup=False, soft_wrap=True)
    if json:
        print_json(
            {"configuration": str(test.path), "clips": test.clips}
            | {"left_out": test.left_out, "notes": [*collection.notes, *test.notes]}
        )
    else:
        text = f"{counted(test.clips, 'clip')}; open webMUSHRA with ?config={test.path.name}"
        stdout.print(f"webMUSHRA test: {test.path} ({text})", markup=False, soft_wrap=True)
    if test.left_out:
        raise typer.Exit(SOME_FAILED)


def _sum_up(paths: list[Path], json: bool) -> None:
    if not paths:
        raise UserError("--results: name the CSV files that listeners downloaded from the page's blind tests")
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
