"""`m2l-bench encode`, `decode` and `export`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2l_bench.commands.common import (
    SOME_FAILED,
    AcceptTruncatedOption,
    AddressOption,
    DeviceOption,
    DevicesOption,
    EngineName,
    EngineOption,
    JsonOption,
    Precision,
    PrecisionOption,
    ShardOption,
    consoles,
)

if TYPE_CHECKING:
    from m2l_bench.jobs.transcode import FileResults


class ExportFormat(str, Enum):
    """Layouts of Music2Latent weights."""

    safetensors = "safetensors"
    official = "official"


WeightsOption = Annotated[
    str, typer.Option(help="`music2latent`, `music2latent-mini`, a folder of weights, or an official `.pt` file.")
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Overwrite existing outputs.")]


def encode(
    source: Annotated[Path, typer.Argument(help="An audio file, or a folder of them.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File or folder; default: beside the input.")] = None,
    weights: WeightsOption = "music2latent",
    precision: PrecisionOption = Precision.auto,
    device: DevicesOption = "auto",
    shard: ShardOption = None,
    engine: EngineOption = EngineName.local,
    address: AddressOption = "",
    overwrite: OverwriteOption = False,
    accept_truncated: AcceptTruncatedOption = False,
    json: JsonOption = False,
) -> None:
    """Encode audio to Music2Latent latents, in safetensors files that hold everything needed for decoding.

    In a folder, files whose output exists are skipped: interrupt it at any time, the same command goes on. With --shard
    it encodes a part of a folder's files; all parts write into the same folder, and nothing is to be merged.

    Examples:

        m2l-bench encode song.flac -o song.safetensors

        m2l-bench encode album -o latents --precision bfloat16

        m2l-bench encode music -o latents --shard 2/8
    """
    from m2l_bench.console.terminal import ProgressBars
    from m2l_bench.engine import EngineChoice
    from m2l_bench.jobs import transcode
    from m2l_bench.runs.shards import Shard

    _, stderr = consoles()
    choice = EngineChoice(engine.value, address)
    options = transcode.Options(precision.value, device, overwrite, accept_truncated, choice)
    part = None if shard is None else Shard.parse(shard)
    _print_results(transcode.encode(source, out, weights, options, ProgressBars(stderr), part), json)


def decode(
    source: Annotated[Path, typer.Argument(help="A latents file, or a folder of them.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File or folder; default: FLAC beside the input.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, metavar="N", help="Number of denoising steps.")] = 1,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Random seed of the noise.")] = 0,
    weights: Annotated[
        str | None, typer.Option(help="Name or path of the weights, if they were moved since encoding.")
    ] = None,
    precision: PrecisionOption = Precision.auto,
    device: DeviceOption = "auto",
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
) -> None:
    """Decode Music2Latent latents to audio with the length, sample rate and channels of the original.

    Examples:

        m2l-bench decode song.safetensors -o song.flac

        m2l-bench decode latents -o album --steps 4
    """
    from m2l_bench.console.terminal import ProgressBars
    from m2l_bench.jobs import transcode

    _, stderr = consoles()
    options = transcode.Options(precision.value, device, overwrite)
    _print_results(transcode.decode(source, out, weights, steps, seed, options, ProgressBars(stderr)), json)


def export(
    weights: Annotated[str, typer.Argument(help="A name, a folder of weights, or an official `.pt` file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A `.pt` file (official) or a folder (safetensors).")],
    format: Annotated[ExportFormat, typer.Option(help="File format to write.")] = ExportFormat.safetensors,
    half: Annotated[bool, typer.Option("--half", help="Store as float16, which halves the size.")] = False,
) -> None:
    """Convert Music2Latent weights to safetensors, or to the `.pt` file that the authors' package loads.

    Examples:

        m2l-bench export music2latent.pt -o music2latent

        m2l-bench export runs/mine/model --format official -o mine.pt

        m2l-bench export runs/mine/model --half -o mine
    """
    from m2l_bench.jobs import transcode

    path = transcode.export(weights, out, format is ExportFormat.official, half)
    _, stderr = consoles()
    stderr.print(f"wrote {path}", markup=False, soft_wrap=True)


def _print_results(results: FileResults, json: bool) -> None:
    """Print the results of `encode` or `decode`; exit with code 3 if a file failed."""
    from m2l_bench.console.terminal import print_json

    stdout, stderr = consoles()
    if json:
        print_json(results.as_dict())
    else:
        for path in results.written:
            stdout.print(str(path), markup=False, soft_wrap=True)
    for note in results.notes:
        stderr.print(note, markup=False, soft_wrap=True)
    for path, reason in results.failed.items():
        stderr.print(f"{path}: {reason}", style="bold red", markup=False, soft_wrap=True)
    if results.present:
        stderr.print(f"{len(results.present)} already there (--overwrite does them again)", markup=False)
    if results.failed:
        raise typer.Exit(SOME_FAILED)
