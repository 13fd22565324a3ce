"""The work of `m2l-bench encode`, `decode` and `export`, on one file or on a folder; interrupted work goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2l_bench import audio as audio_files
from m2l_bench.audio.listing import Listing, list_audio
from m2l_bench.boundary import is_out_of_memory, reason_of
from m2l_bench.engine import LOCAL, EngineChoice
from m2l_bench.engine.torch_devices import is_gpu, torch_device
from m2l_bench.errors import UserError
from m2l_bench.jobs import latents_files
from m2l_bench.jobs.folder_encoding import BATCH, MEMORY_ADVICE, Encoder, Pair, lost
from m2l_bench.progress import Progress
from m2l_bench.runs.shards import Shard
from m2l_bench.systems.precision import number_type
from m2l_bench.text import counted

if TYPE_CHECKING:
    from m2l_bench.music2latent import Music2Latent


@dataclass(frozen=True)
class Options:
    """Options of the model, and whether to overwrite existing outputs."""

    precision: str = "auto"
    device: str = "auto"
    overwrite: bool = False
    accept_truncated: bool = False
    engine: EngineChoice = LOCAL


@dataclass
class FileResults:
    """Results of all files."""

    written: list[Path] = field(default_factory=list)
    """Outputs that were written."""
    present: list[Path] = field(default_factory=list)
    """Outputs that existed already."""
    failed: dict[Path, str] = field(default_factory=dict)
    """Inputs that failed, with the reasons."""
    notes: list[str] = field(default_factory=list)
    """Notes about files that were passed over."""

    def as_dict(self) -> dict[str, Any]:
        """Convert to plain types for JSON."""
        return {
            "written": [str(path) for path in self.written],
            "present": [str(path) for path in self.present],
            "failed": {str(path): reason for path, reason in self.failed.items()},
        }


def encode(
    source: Path,
    out: Path | None,
    weights: str,
    options: Options,
    progress: Progress,
    shard: Shard | None = None,
) -> FileResults:
    """Encode audio files to latents files.

    Args:
        shard: the part of a folder's files to encode; None: all.

    Raises:
        UserError: there is no such source, it is a file and has no parts, or there are no such weights.
    """
    listing = list_audio(source) if source.is_dir() else Listing()
    pairs = latents_files.input_output_pairs(source, out, latents_files.SUFFIX, listing.files)
    notes = list(listing.notes)
    if shard:
        if not source.is_dir():
            raise UserError(f"--shard {shard}: {source} is a file; only the files of a folder can be shared out")
        part = shard.part(pairs, lambda pair: pair[0].as_posix())
        notes.append(f"shard {shard}: {len(part)} of {counted(len(pairs), 'file')}")
        pairs = part
    results, todo = _skip_present(pairs, source.is_dir() and not options.overwrite)
    results.notes += notes
    if not todo:
        return results
    pairs_to_encode = []
    for audio, target in todo:
        try:
            pairs_to_encode.append(Pair(audio, target, audio_files.duration_seconds(audio)))
        except Exception as error:
            results.failed[audio] = reason_of(error)
    engine = options.engine.start(options.device)
    options = replace(options, precision=engine.precision(options.precision))
    load = partial(_load_encoder, weights, options, engine.devices)
    with progress.start("encode", round(sum(pair.seconds for pair in pairs_to_encode)), 0) as advance:
        clock = _WholeSeconds(advance)
        if engine.here:
            encoded = load(engine.device, clock.add)(pairs_to_encode)
        else:
            group = engine.group(len(pairs_to_encode), 2 * BATCH if any(map(is_gpu, engine.devices)) else 1)
            encoded = engine.map_on_devices(load, pairs_to_encode, group, lost)
        for pair, problem in encoded:
            if not engine.here:
                clock.add(pair.seconds)
            if problem:
                results.failed[pair.source] = problem
            else:
                results.written.append(pair.target)
    return results


def _load_encoder(
    weights: str,
    options: Options,
    devices: Sequence[str],
    device: str,
    on_seconds: Callable[[float], None] = lambda _: None,
) -> Encoder:
    """Load a model on one of the devices to encode files."""
    precision = number_type(options.precision, devices)
    model = load_model(weights, replace(options, device=device, precision=precision))
    return Encoder(model, weights, options.accept_truncated, on_seconds)


def decode(
    source: Path, out: Path | None, weights: str | None, steps: int, seed: int, options: Options, progress: Progress
) -> FileResults:
    """Decode latents files to audio files.

    Args:
        weights: name or path of the weights; None: those that each file names.

    Raises:
        UserError: there is no such source, or there are no such weights.
    """
    import torch

    pairs = latents_files.input_output_pairs(
        source, out, ".flac", latents_files.list_latents(source) if source.is_dir() else []
    )
    results, todo = _skip_present(pairs, source.is_dir() and not options.overwrite)
    models: dict[tuple[str, float], Music2Latent] = {}

    def decode_file(file: Path, target: Path, on_seconds: Callable[[float], None]) -> None:
        _, metadata = latents_files.read_latents(file)
        key = (weights or metadata.weights, metadata.latent_scale)
        if key not in models:
            models.clear()
            models[key] = load_model(key[0], options, metadata.latent_scale)
        generator = torch.Generator().manual_seed(seed)
        latents_files.decode_file(models[key], file, target, steps, generator, on_seconds)

    def seconds(file: Path) -> float:
        _, metadata = latents_files.read_latents(file)
        return metadata.samples / metadata.sample_rate

    return _convert_all("decode", todo, seconds, decode_file, results, progress)


def export(weights: str, out: Path, official: bool, half: bool = False) -> Path:
    """Read weights in either layout, write them in the chosen one, and return the path.

    Args:
        official: write the authors' `.pt` layout instead of safetensors.
        half: write float16; only for safetensors.

    Raises:
        UserError: there are no such weights, or the layout cannot hold their configuration.
    """
    import torch

    from m2l_bench.music2latent import CheckpointError, checkpoint
    from m2l_bench.music2latent.names import locate

    if official and out.suffix != ".pt":
        raise UserError(f"-o {out}: the official layout is a file that ends in .pt")
    if official and half:
        raise UserError("--half: the official layout is float32")
    if not official and out.is_file():
        raise UserError(f"-o {out}: is a file; safetensors and their configuration go into a folder")
    try:
        loaded = checkpoint.load(*locate(weights))
        if official:
            checkpoint.export_official(loaded.networks, out)
            return out
        return checkpoint.save(loaded.networks, out, torch.float16 if half else None)
    except CheckpointError as error:
        raise UserError(str(error)) from error


def load_model(weights: str, options: Options, latent_scale: float = 1.0) -> Music2Latent:
    """Load a model.

    Raises:
        UserError: there are no such weights, or no such device.
    """
    import torch

    from m2l_bench.music2latent import CheckpointError, Music2Latent

    device = torch_device(options.device)
    try:
        return Music2Latent.from_pretrained(
            weights,
            device=device,
            dtype=getattr(torch, number_type(options.precision, [device])),
            latent_scale=latent_scale,
        )
    except (CheckpointError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise UserError(f"{weights} on {device}: {MEMORY_ADVICE}") from error
        raise UserError(str(error)) from error


def _skip_present(
    pairs: Sequence[tuple[Path, Path]], keep_present: bool
) -> tuple[FileResults, list[tuple[Path, Path]]]:
    """Separate outputs that exist, if they are kept, from the pairs that are left to do."""
    present = [target for _, target in pairs if keep_present and target.exists()]
    return FileResults(present=present), [pair for pair in pairs if pair[1] not in present]


def _convert_all(
    name: str,
    todo: Sequence[tuple[Path, Path]],
    seconds: Callable[[Path], float],
    convert: Callable[[Path, Path, Callable[[float], None]], None],
    results: FileResults,
    progress: Progress,
) -> FileResults:
    """Convert files one by one; a file that fails is noted and skipped. Progress counts whole seconds of audio.

    Args:
        seconds: returns the length of an input.
        convert: converts an input to an output, and reports the seconds that are done.
    """
    durations = {}
    for file, _ in todo:
        try:
            durations[file] = seconds(file)
        except Exception as error:
            results.failed[file] = reason_of(error)
    with progress.start(name, round(sum(durations.values())), 0) as advance:
        for file, target in todo:
            if file not in durations:
                continue
            clock = _WholeSeconds(advance)
            try:
                convert(file, target, clock.add)
            except UserError:
                raise
            except Exception as error:
                results.failed[file] = MEMORY_ADVICE if is_out_of_memory(error) else reason_of(error)
            else:
                results.written.append(target)
    return results


class _WholeSeconds:
    """Counter that calls `advance` once for each full second."""

    def __init__(self, advance: Callable[[], None]) -> None:
        self.advance = advance
        self.rest = 0.0

    def add(self, seconds: float) -> None:
        self.rest += seconds
        while self.rest >= 1:
            self.rest -= 1
            self.advance()
