"""What commands share: options, exit codes, where they print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

SOME_FAILED = 3
"""Exit code: done, but some clips, files or systems failed."""


class State:
    """Of the options before the command's name."""

    color = True
    debug = False


CardsOption = Annotated[
    list[Path] | None, typer.Option("--cards", metavar="DIR", help="Folder of further cards (repeatable).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
WeightsDirOption = Annotated[
    Path | None,
    typer.Option(
        "--weights-dir", metavar="DIR", envvar="M2L_BENCH_WEIGHTS", help="Weights fetched by hand or for a whole lab."
    ),
]
DeviceOption = Annotated[str, typer.Option(help="`cpu`, `cuda`, `cuda:1`, or `auto`.")]


def consoles() -> Any:
    """For stdout and for stderr."""
    from m2l_bench.console.terminal import make_consoles

    return make_consoles(State.color)
