"""`m2l-bench encode`, `decode` and `export`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2l_bench.commands.common import SOME_FAILED, DeviceOption, JsonOption, consoles

if TYPE_CHECKING:
    from m2l_bench.jobs.transcode import Done


class Precision(str, Enum):
    """Types of number for weights and feature maps."""

    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


class ExportFormat(str, Enum):
    """Layouts of Music2Latent weights."""

    safetensors = "safetensors"
    official = "official"


WeightsOption = Annotated[
    str, typer.Option(help="`music2latent`, `music2latent-mini`, a folder of weights, or an official `.pt`.")
]
PrecisionOption = Annotated[Precision, typer.Option(help="bfloat16 is faster on recent processors and GPUs.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Do files again whose output is there.")]


def encode(
    source: Annotated[Path, typer.Argument(help="An audio file, or a folder of them.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File or folder; default: beside the input.")] = None,
    weights: WeightsOption = "music2latent",
    precision: PrecisionOption = Precision.float32,
    device: DeviceOption = "auto",
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
) -> None:
    """Audio to Music2Latent latents, a safetensors file that says all that decoding needs.

    In a folder, files whose output is there are passed over: interrupt it at any time, the same command goes on.

    Examples:

        m2l-bench encode song.flac -o song.safetensors

        m2l-bench encode album -o latents --precision bfloat16
    """
    from m2l_bench.console.terminal import ProgressBars
    from m2l_bench.jobs import transcode as latents_commands

    _, stderr = consoles()
    options = latents_commands.Options(precision.value, device, overwrite)
    _finish_files(latents_commands.encode(source, out, weights, options, ProgressBars(stderr)), json)


def decode(
    source: Annotated[Path, typer.Argument(help="A latents file, or a folder of them.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File or folder; default: FLAC by the input.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Denoising steps.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the noise.")] = 0,
    weights: Annotated[
        str | None, typer.Option(help="Where the weights lie, if not where they lay on encoding.")
    ] = None,
    precision: PrecisionOption = Precision.float32,
    device: DeviceOption = "auto",
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
) -> None:
    """Music2Latent latents back to audio of the length, rate and channels that were encoded.

    Examples:

        m2l-bench decode song.safetensors -o song.flac

        m2l-bench decode latents -o album --steps 4
    """
    from m2l_bench.console.terminal import ProgressBars
    from m2l_bench.jobs import transcode as latents_commands

    _, stderr = consoles()
    options = latents_commands.Options(precision.value, device, overwrite)
    _finish_files(latents_commands.decode(source, out, weights, steps, seed, options, ProgressBars(stderr)), json)


def export(
    weights: Annotated[str, typer.Argument(help="A name, a folder of weights, or an official `.pt`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A `.pt` file (official) or a folder (safetensors).")],
    format: Annotated[ExportFormat, typer.Option(help="Layout to write.")] = ExportFormat.safetensors,
    half: Annotated[bool, typer.Option("--half", help="Store float16: half the size.")] = False,
) -> None:
    """Convert Music2Latent weights: to safetensors, or to the `.pt` that the authors' package loads.

    Examples:

        m2l-bench export music2latent.pt -o music2latent

        m2l-bench export runs/mine/model --format official -o mine.pt

        m2l-bench export runs/mine/model --half -o mine
    """
    from m2l_bench.jobs import transcode as latents_commands

    written = latents_commands.export(weights, out, format is ExportFormat.official, half)
    _, stderr = consoles()
    stderr.print(f"wrote {written}", markup=False, soft_wrap=True)


def _finish_files(done: Done, json: bool) -> None:
    """Say what became of the files of `encode` or `decode`."""
    from m2l_bench.console.terminal import print_json

    stdout, stderr = consoles()
    if json:
        print_json(done.as_dict())
    else:
        for path in done.written:
            stdout.print(str(path), markup=False, soft_wrap=True)
    for path, reason in done.failed.items():
        stderr.print(f"{path}: {reason}", style="bold red", markup=False, soft_wrap=True)
    if done.present:
        stderr.print(f"{len(done.present)} already there (--overwrite does them again)", markup=False)
    if done.failed:
        raise typer.Exit(SOME_FAILED)
