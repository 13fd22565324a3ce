"""Options, exit codes and consoles that commands share."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

SOME_FAILED = 3
"""Exit code: done, but some clips, files or systems failed."""


class Beside(str, Enum):
    """Whose published figures a table shows beside the measured ones."""

    none = "none"
    paper = "paper"


class State:
    """Values of the options before the command's name."""

    color = True
    debug = False


CardsOption = Annotated[
    list[Path] | None, typer.Option("--cards", metavar="DIR", help="Folder of further cards (repeatable).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
WeightsDirOption = Annotated[
    Path | None,
    typer.Option(
        "--weights-dir",
        metavar="DIR",
        envvar="M2L_BENCH_WEIGHTS",
        help="Folder of weights that were fetched by hand or for a whole lab.",
    ),
]
ReferenceOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Reference of the Fréchet distances: `originals`, or the name of a --reference that was measured.",
    ),
]
BesideOption = Annotated[Beside, typer.Option(help="Published figures to show beside the measured ones.")]
DeviceOption = Annotated[
    str, typer.Option(metavar="DEVICE", help="`cpu`, `cuda`, `cuda:1`, or `auto`: a GPU if there is one.")
]
AcceptTruncatedOption = Annotated[
    bool,
    typer.Option(
        "--accept-truncated", help="Take what is there of files with less audio than their headers state; noted."
    ),
]


def consoles() -> Any:
    """Make the consoles for stdout and for stderr."""
    from m2l_bench.console.terminal import make_consoles

    return make_consoles(State.color)
