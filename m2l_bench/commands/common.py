"""Options, exit codes and consoles that commands share."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from m2l_bench.tables.published import Beside

SOME_FAILED = 3
"""Exit code: done, but some clips, files or systems failed."""


class Columns(str, Enum):
    """Sets of metrics that tables show."""

    paper = "paper"
    spectral = "spectral"
    stereo = "stereo"
    level = "level"
    perceptual = "perceptual"
    all = "all"


class EngineName(str, Enum):
    """Engines that do the work of a command."""

    local = "local"
    ray = "ray"


class State:
    """Values of the options before the command's name."""

    color = True
    debug = False
    command = ""
    """Name of the command that runs."""


class Precision(str, Enum):
    """Number types for weights and feature maps."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


SMALLER = {
    "reconstruct": "set chunk_seconds or a smaller gpu_batch_size in the card, or use --precision bfloat16",
    "sweep": "set chunk_seconds or a smaller gpu_batch_size in the card, or use --precision bfloat16",
    "probe": "set a smaller gpu_batch_size in the card, or use --precision bfloat16 or --device cpu",
    "encode": "use --precision bfloat16 or --device cpu",
    "decode": "use --precision bfloat16 or --device cpu",
    "models": "use --precision bfloat16 or --device cpu",
    "fad": "use shorter files or --device cpu",
    "train": "raise --accumulate, or use a smaller --batch-size or --preset",
    "generate": "use a smaller batch_seconds in the generator's card, or --device cpu",
    "ablate": "use a smaller --batch-size or --preset",
}
"""What to do when the memory of the machine or of a GPU is full, by command."""

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
AnswersOption = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="CSV",
        help="Answers of a MUSHRA test (of our page or of webMUSHRA) to compare the metrics with (repeatable).",
    ),
]
BesideOption = Annotated[Beside, typer.Option(help="Source of published figures to show beside the measured ones.")]
ColumnsOption = Annotated[Columns, typer.Option(help="Metrics to show: those of the paper, or a set of others.")]
DeviceOption = Annotated[
    str, typer.Option(metavar="DEVICE", help="`cpu`, `cuda`, `cuda:1`, or `auto`: a GPU if there is one.")
]
DevicesOption = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="DEVICES",
        help="`cpu`, `cuda` (all GPUs), `cuda:1`, `cuda:0,cuda:2`, or `auto`: all GPUs or, without any, the CPU.",
    ),
]
PrecisionOption = Annotated[
    Precision,
    typer.Option(
        help="Number type of Music2Latent's networks; `auto`: bfloat16 on GPUs with matrix units for it, else float32."
    ),
]
EngineOption = Annotated[
    EngineName, typer.Option(help="Where the work happens: on this machine, or on a Ray cluster with the same files.")
]
AddressOption = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS",
        help="Address of the Ray cluster, or `auto`; default: RAY_ADDRESS, a cluster that runs here, or a new one.",
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option("--shard", metavar="I/N", help="Do only the I-th of N parts, for jobs that share the work."),
]
AcceptTruncatedOption = Annotated[
    bool,
    typer.Option(
        "--accept-truncated", help="Use files with less audio than their headers state as they are, with a note."
    ),
]


def consoles() -> Any:
    """Make the consoles for stdout and for stderr."""
    from m2l_bench.console.terminal import make_consoles

    return make_consoles(State.color)
