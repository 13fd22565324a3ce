"""`m2l-bench data ...`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from m2l_bench.commands.common import SOME_FAILED, JsonOption, consoles
from m2l_bench.errors import UserError
from m2l_bench.text import counted

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the dataset.")]
FolderArgument = Annotated[
    Path | None, typer.Argument(metavar="DIR", help="Folder of the dataset; default: `datasets/NAME` in the cache.")
]
SHOWN = 10
"""Number of bad clips that are listed as text; --json lists all."""


def musiccaps(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the clips.")],
    csv: Annotated[
        Path | None, typer.Option(help="Google's CSV of clips; default: download it from the Hugging Face hub.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Use only the first N clips.")] = None,
    retry_gone: Annotated[
        bool, typer.Option("--retry-gone", help="Try again clips that are recorded as gone.")
    ] = False,
    cookies: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File of cookies of a YouTube account, as yt-dlp reads it: for videos that need an account, and if "
            "YouTube takes this machine for a bot.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Download MusicCaps' ten-second clips from YouTube with yt-dlp. Run it again to resume.

    Videos that are not available (removed, private, blocked in this country, for members only ...) are recorded in
    `gone.csv` with the reason, and are not tried again without --retry-gone.

    Examples:

        m2l-bench data musiccaps clips --limit 100
    """
    from m2l_bench.console.terminal import ProgressBars, print_json
    from m2l_bench.datasets import musiccaps_download

    stdout, stderr = consoles()
    summary = musiccaps_download.download(folder, csv, limit, retry_gone, ProgressBars(stderr), cookies)
    if json:
        print_json(summary)
        return
    stdout.print(
        f"{summary['present']} of {counted(summary['listed'], 'clip')} in {folder} "
        f"({summary['fetched']} new, {summary['gone']} gone: see gone.csv)",
        markup=False,
        soft_wrap=True,
    )
    if summary["gone"]:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in summary["gone_because"].items())
        stdout.print(f"{summary['gone']:,} of {summary['listed']:,} are gone: {reasons}", markup=False, soft_wrap=True)
    if summary["failed"]:
        stdout.print(
            f"{summary['failed']:,} of {summary['listed']:,} failed ({summary['last_failure']}): run the command again",
            markup=False,
            soft_wrap=True,
        )


def get(name: NameArgument, folder: FolderArgument = None, json: JsonOption = False) -> None:
    """Download a dataset of recordings: tinysol, beatport_key or magnatagatune. Run it again to resume.

    Files are checked against their published checksums and unpacked safely; the archives are deleted afterwards.

    Examples:

        m2l-bench data get tinysol
    """
    from m2l_bench.console.terminal import ProgressBars
    from m2l_bench.datasets import remotes
    from m2l_bench.datasets.places import default_folder

    _, stderr = consoles()
    _require(name, tuple(remotes.REMOTES), "get", "make")
    target = folder or default_folder(name)
    summary = remotes.get(name, target, ProgressBars(stderr))
    _print_result(name, target, {"fetched": summary["fetched"], "remotes": summary["remotes"]}, json)


def make(
    name: NameArgument,
    folder: FolderArgument = None,
    soundfont: Annotated[
        Path | None, typer.Option(help="An .sf2 or .sf3 file; default: the small one in the package pretty_midi.")
    ] = None,
    midi: Annotated[
        Path | None,
        typer.Option(
            help="Folder of MIDI files for mini-magnatagatune; default: those of Debian's packages freedoom and "
            "openttd-openmsx."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Render a small dataset on this machine: mini-tinysol, mini-beatport or mini-magnatagatune.

    Run it again to resume.

    Examples:

        m2l-bench data make mini-tinysol
    """
    from m2l_bench.console.terminal import ProgressBars
    from m2l_bench.datasets.places import default_folder
    from m2l_bench.minis import MINIS, build

    _, stderr = consoles()
    _require(name, MINIS, "make", "get")
    target = folder or default_folder(name)
    _print_result(name, target, build(name, target, soundfont, midi, ProgressBars(stderr)), json)


def check(name: NameArgument, folder: FolderArgument = None, json: JsonOption = False) -> None:
    """Check a dataset: count the clips of each class and split, and list missing or unreadable files.

    The exit code is 3 if there are such files.

    Examples:

        m2l-bench data check mini-tinysol
    """
    from m2l_bench.console.terminal import ProgressBars, print_json, table
    from m2l_bench.datasets import checking

    stdout, stderr = consoles()
    report = checking.check(name, folder, ProgressBars(stderr))
    summary = report.summary()
    if json:
        print_json(summary)
    else:
        for task, counts in summary["counts"].items():
            rows = [[label, *map(str, splits.values())] for label, splits in counts.items()]
            stdout.print(table(f"{name}, {task}", ["Label", "Train", "Validation", "Test"], rows))
        splits = ", ".join(f"{count} {split}" for split, count in summary["splits"].items())
        lines = [f"{counted(summary['clips'], 'clip')} in {summary['folder']}: {splits}", *summary["notes"]]
        for problem in ("missing", "unlabelled", "unreadable"):
            clips = summary[problem]
            if clips:
                examples = list(clips.values() if isinstance(clips, dict) else clips)[:SHOWN]
                more = f" and {len(clips) - SHOWN} more (--json lists them)" if len(clips) > SHOWN else ""
                lines.append(f"{len(clips)} {problem}: {', '.join(examples)}{more}")
        stdout.print("\n".join(lines), markup=False, soft_wrap=True)
    if not report.sound:
        raise typer.Exit(SOME_FAILED)


def _require(name: str, names: Sequence[str], verb: str, other: str) -> None:
    """Check that a command knows the dataset.

    Raises:
        UserError: it does not; the message names the other command if that one does.
    """
    from m2l_bench.datasets.checking import NAMES, OWN
    from m2l_bench.datasets.places import command_for

    if name not in names:
        hint = f"`data {verb}` knows {', '.join(names)}"
        if name in NAMES:
            hint = f"`m2l-bench data {other} {name}`" if name in OWN else f"`{command_for(name)}` gets it"
        raise UserError(f"`data {verb}` has no '{name}': {hint}")


def _print_result(name: str, folder: Path, counts: dict[str, int], json: bool) -> None:
    from m2l_bench.console.terminal import print_json

    stdout, _ = consoles()
    if json:
        print_json({"name": name, "folder": str(folder), **counts})
        return
    summary = ", ".join(f"{count} {unit}" for unit, count in counts.items())
    stdout.print(
        f"{name} is in {folder} ({summary}); check it with `m2l-bench data check {name}`", markup=False, soft_wrap=True
    )
