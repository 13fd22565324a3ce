"""`m2l-bench latents`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from m2l_bench.commands.common import SOME_FAILED, JsonOption, consoles

FolderArgument = Annotated[str, typer.Argument(metavar="DIR", help="Folder of the collection, or its address.")]


def info(folder: FolderArgument, json: JsonOption = False) -> None:
    """Show what is in a collection of latents that `encode --codec` has made.

    With --json, also the mean and the standard deviation of each row of latents.

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

    Exit code 3 if something is damaged. To repair a volume, delete it and its index, and encode the same way again.

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
        problems = find_remote_damage(folder, advance) if is_address(folder) else find_damage(Path(folder), advance)
    if json:
        print_json({"volumes": volumes, "problems": problems})
    elif not problems:
        stdout.print(f"{counted(volumes, 'volume')}: every byte is as it was written")
    for problem in problems:
        stderr.print(problem, style="bold red", markup=False, soft_wrap=True)
    if problems:
        raise typer.Exit(SOME_FAILED)
