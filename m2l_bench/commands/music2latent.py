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
    CardsOption,
    DeviceOption,
    DevicesOption,
    EngineName,
    EngineOption,
    JsonOption,
    Precision,
    PrecisionOption,
    ShardOption,
    WeightsDirOption,
    consoles,
)
from m2l_bench.errors import UserError

if TYPE_CHECKING:
    from m2l_bench.jobs.collection_encoding import CollectionResults
    from m2l_bench.jobs.transcode import FileResults


class CollectionFormat(str, Enum):
    """Formats of collections of latents."""

    webdataset = "webdataset"
    npy = "npy"
    safetensors = "safetensors"
    zarr = "zarr"


class ExportFormat(str, Enum):
    """Layouts of Music2Latent weights."""

    safetensors = "safetensors"
    official = "official"


WEIGHTS = "music2latent"
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Overwrite existing outputs.")]


def encode(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="An audio file, or a folder of them; with --codec also a list, tar files, or an address.",
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="PATH",
            help="File or folder; default: beside the input. With --codec also an address.",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Music2Latent weights: `music2latent` (default), `music2latent-mini`, a folder, or an official `.pt`. "
            "Not with --codec, whose card names the weights."
        ),
    ] = None,
    codec: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Make a collection with this codec of `m2l-bench models`, in volumes."),
    ] = None,
    format: Annotated[
        CollectionFormat | None, typer.Option(help="Format of the collection's volumes; default: webdataset.")
    ] = None,
    volume_mb: Annotated[
        float | None,
        typer.Option(min=0.001, metavar="MB", help="Size of the collection's volumes in megabytes; default: 1000."),
    ] = None,
    precision: PrecisionOption = Precision.auto,
    device: DevicesOption = "auto",
    shard: ShardOption = None,
    engine: EngineOption = EngineName.local,
    address: AddressOption = "",
    overwrite: OverwriteOption = False,
    accept_truncated: AcceptTruncatedOption = False,
    cards: CardsOption = None,
    weights_dir: WeightsDirOption = None,
    json: JsonOption = False,
) -> None:
    """Encode audio to latents.

    Without --codec: one safetensors file of Music2Latent latents per audio file, with everything needed for `decode`.
    In a folder, files whose output exists are skipped: interrupt it at any time, the same command goes on.

    With --codec: a collection for training, of any size and with any codec, in volumes with an index and statistics.
    It can be killed at any time, and the same command goes on; `m2l-bench latents info` shows what there is. SOURCE is
    a folder of audio or of tar files, a tar file, a list of paths (`.txt`), or a CSV or Parquet table with a column
    `path` and, if you like, `id`; paths are relative to the folder of the list. SOURCE and the collection can be at an
    address such as `s3://bucket/music`. --format, --volume-mb, --cards and --weights-dir are for collections.

    With --shard it encodes a part of the files. All parts write into the same folder and need no merging.

    Examples:

        m2l-bench encode song.flac -o song.safetensors

        m2l-bench encode album -o latents --precision bfloat16

        m2l-bench encode music -o latents --codec stable-audio-open-vae --shard 2/8

        m2l-bench encode s3://bucket/music -o s3://bucket/latents --codec music2latent
    """
    from m2l_bench.engine import EngineChoice
    from m2l_bench.runs.shards import Shard
    from m2l_bench.storage import is_address

    _, stderr = consoles()
    choice = EngineChoice(engine.value, address)
    part = None if shard is None else Shard.parse(shard)
    if codec is None:
        from m2l_bench.console.terminal import ProgressBars
        from m2l_bench.jobs import transcode

        if format or volume_mb or cards:
            raise UserError("--format, --volume-mb and --cards are for collections: name a codec with --codec NAME")
        if is_address(source) or is_address(out or ""):
            raise UserError("addresses are for collections: name a codec with --codec NAME")
        options = transcode.Options(precision.value, device, overwrite, accept_truncated, choice)
        target = None if out is None else Path(out)
        _print_results(
            transcode.encode(Path(source), target, weights or WEIGHTS, options, ProgressBars(stderr), part), json
        )
        return
    from m2l_bench.cards import load_cards
    from m2l_bench.console.encoding import EncodingBar
    from m2l_bench.jobs.collection_encoding import CollectionOptions, encode_collection

    if weights:
        raise UserError("--weights is for Music2Latent without --codec; the card of a codec names its weights")
    if overwrite:
        raise UserError("--overwrite: a collection is never overwritten; delete its folder, or choose another -o")
    if out is None:
        raise UserError("-o DIR: name a folder for the collection")
    collection_options = CollectionOptions(
        format=(format or CollectionFormat.webdataset).value,
        volume_mb=volume_mb or 1000.0,
        device=device,
        precision=precision.value,
        accept_truncated=accept_truncated,
        weights_dir=weights_dir,
        shard=part,
        engine=choice,
    )
    card = load_cards(cards or []).system(codec)
    _print_collection(encode_collection(source, out, card, collection_options, EncodingBar(stderr)), out, json)


def decode(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A latents file, or a folder of them.")],
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
    weights: Annotated[
        str,
        typer.Argument(
            metavar="WEIGHTS", help="A name, a folder of weights or of a training, or an official `.pt` file."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A `.pt` file (official) or a folder (safetensors).")
    ] = None,
    format: Annotated[ExportFormat, typer.Option(help="File format to write.")] = ExportFormat.safetensors,
    half: Annotated[bool, typer.Option("--half", help="Store as float16, which halves the size.")] = False,
    push: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="Upload to this repository of the Hugging Face hub.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make the repository private if it is new.")] = False,
    license: Annotated[
        str | None, typer.Option(metavar="ID", help="Licence of the weights in the model card, such as `cc-by-4.0`.")
    ] = None,
    results: Annotated[
        Path | None, typer.Option(metavar="RUNS", help="Folder of runs whose tables go into the model card.")
    ] = None,
) -> None:
    """Convert Music2Latent weights to safetensors, or to the `.pt` file that the authors' package loads.

    With --push the weights are uploaded to the Hugging Face hub, always as safetensors, with a model card. It has the
    configuration, the data and the log of the training that made them, and with --results what was measured.
    `from_pretrained("OWNER/NAME")` loads them.

    Examples:

        m2l-bench export music2latent.pt -o music2latent

        m2l-bench export runs/mine/model --format official -o mine.pt

        m2l-bench export runs/mine/model --half -o mine

        m2l-bench export runs/mine --push me/mine --license cc-by-4.0 --results runs
    """
    from m2l_bench.jobs import publishing, transcode

    stdout, stderr = consoles()
    if out is None and push is None:
        raise UserError("name a file or folder with -o, or a repository of the hub with --push")
    if push is None and (private or license or results):
        raise UserError("--private, --license and --results are for uploads: name a repository with --push")
    if out is not None:
        path = transcode.export(weights, out, format is ExportFormat.official, half)
        stderr.print(f"wrote {path}", markup=False, soft_wrap=True)
    if push is not None:
        address = publishing.push(weights, push, private=private, license=license, results=results, half=half)
        stdout.print(address, markup=False, soft_wrap=True)


def _print_collection(results: CollectionResults, out: str, json: bool) -> None:
    """Print what `encode --codec` did; exit with code 3 if a file failed. Failures were printed when they happened."""
    from m2l_bench.console.terminal import print_json
    from m2l_bench.text import counted

    stdout, stderr = consoles()
    if json:
        print_json({"encoded": results.encoded, "present": results.present, "failed": results.failed})
    else:
        stdout.print(
            f"{out}: {counted(results.encoded, 'file')} encoded, {results.seconds / 3600:,.2f} h of audio; "
            f"{results.present:,} already there, {len(results.failed):,} failed",
            markup=False,
            soft_wrap=True,
        )
    for note in results.notes:
        stderr.print(note, markup=False, soft_wrap=True)
    if results.failed:
        raise typer.Exit(SOME_FAILED)


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
