"""`m2l-bench latents`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from m2l_bench.commands.common import (
    SOME_FAILED,
    CardsOption,
    DeviceOption,
    JsonOption,
    WeightsDirOption,
    consoles,
)
from m2l_bench.errors import UserError

FolderArgument = Annotated[str, typer.Argument(metavar="DIR", help="Folder of the collection, or its address.")]


def info(folder: FolderArgument, json: JsonOption = False) -> None:
    """Show what is in a collection of latents that `encode --codec` has made.

    With --json, it also prints the mean and the standard deviation of each row of latents.

    Examples:

        m2l-bench latents info latents
    """
    from m2l_bench.console.terminal import print_json
    from m2l_bench.latents.remote import index_folder
    from m2l_bench.latents.summary import summarise

    stdout, stderr = consoles()
    with index_folder(folder) as here:
        summary = summarise(here)
    if json:
        print_json(summary.as_dict())
    else:
        for name, value in summary.lines().items():
            stdout.print(f"{name:<11} {value}", markup=False, soft_wrap=True)
    for note in summary.notes:
        stderr.print(note, markup=False, soft_wrap=True)


def verify(folder: FolderArgument, json: JsonOption = False) -> None:
    """Compare every byte of a collection of latents with its index: checksums, shapes, finite numbers.

    The exit code is 3 if something is damaged. To repair a volume, delete it and its index, and encode again the same
    way.

    Examples:

        m2l-bench latents verify latents
    """
    from m2l_bench.console.terminal import ProgressBars, print_json
    from m2l_bench.latents.checking import find_damage
    from m2l_bench.latents.index import volume_names
    from m2l_bench.latents.remote import find_remote_damage, index_folder
    from m2l_bench.storage import is_address
    from m2l_bench.text import counted

    stdout, stderr = consoles()
    with index_folder(folder) as here:
        volumes = len(volume_names(here))
        with ProgressBars(stderr).start("verify", volumes, 0) as advance:
            remote = is_address(folder)
            problems = find_remote_damage(folder, here, advance) if remote else find_damage(here, advance)
    if json:
        print_json({"volumes": volumes, "problems": problems})
    elif not problems:
        stdout.print(f"{counted(volumes, 'volume')}: every byte is as it was written")
    for problem in problems:
        stderr.print(problem, style="bold red", markup=False, soft_wrap=True)
    if problems:
        raise typer.Exit(SOME_FAILED)


def report(
    models: Annotated[
        str,
        typer.Option(metavar="NAMES", help="Systems, separated by commas, or `all`; `m2l-bench models` lists them."),
    ],
    task: Annotated[str, typer.Option(metavar="NAME", help="Task whose clips are used.")] = "bundled",
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the task's audio.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Use only the first N clips.")] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="CSV", help="File of the results; `report` shows runs/latents.csv.")
    ] = Path("runs/latents.csv"),
    device: DeviceOption = "auto",
    weights_dir: WeightsDirOption = None,
    cards: CardsOption = None,
    json: JsonOption = False,
) -> None:
    """Measure the latents of autoencoders: on which of them should one train a generator?

    It measures distribution, movement in time, linearity, and robustness to noise, storage and repetition;
    docs/latents.md defines each measure. A system is written to CSV when it is finished, and is not measured again on
    the same clips.

    Examples:

        m2l-bench latents report --models music2latent-mini,mel-pca

        m2l-bench latents report --models dac,music2latent --task folder --data music -o latents.csv
    """
    from m2l_bench.api.evaluate import system_cards
    from m2l_bench.cards import load_cards
    from m2l_bench.console.reconstruction import print_table
    from m2l_bench.console.terminal import ProgressBars, print_json
    from m2l_bench.datasets.base import Dataset
    from m2l_bench.datasets.loading import load_dataset
    from m2l_bench.jobs.latents_report import report_latents
    from m2l_bench.runs.latent_spaces import to_json
    from m2l_bench.systems.loading import availability
    from m2l_bench.tables.latents import latents_table
    from m2l_bench.text import counted, split_names

    stdout, stderr = consoles()
    known = load_cards(cards or ())
    names = split_names(models)
    systems = system_cards("all" if models == "all" else names, known)
    for card in systems:
        if card.latents is None:
            stderr.print(f"{card.name} is left out: its card states no latents", markup=False, soft_wrap=True)
    systems = [card for card in systems if card.latents is not None]
    if models == "all":
        systems = [card for card in systems if availability(card, weights_dir)]
    if not systems:
        raise UserError(f"--models {models}: no system with `latents` on its card can run here")
    dataset: Dataset = load_dataset(known.task(task), data)
    dataset = Dataset(dataset.clips[:limit], dataset.label, dataset.root)
    outcomes = report_latents(systems, dataset, out, ProgressBars(stderr), device, weights_dir)
    spaces = [outcome.space for outcome in outcomes]
    if json:
        print_json(to_json(spaces))
    else:
        print_table(stdout, latents_table(spaces), interval_lines=True)
    for outcome in outcomes:
        if not outcome.measured:
            stderr.print(f"{outcome.space.system}: measured before, see {out}", markup=False, soft_wrap=True)
        for id, reason in outcome.failed.items():
            stderr.print(f"{outcome.space.system}: {id!r} failed: {reason}", style="red", markup=False, soft_wrap=True)
    stderr.print(f"wrote {out}: {counted(len(spaces), 'system')}", markup=False, soft_wrap=True)
    if any(outcome.failed for outcome in outcomes):
        raise typer.Exit(SOME_FAILED)
