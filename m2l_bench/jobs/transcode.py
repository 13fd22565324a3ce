"""What `m2l-bench encode`, `decode` and `export` do: one file or a folder of them, going on where they stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2l_bench import audio as audio_files
from m2l_bench.errors import BadClip, UserError
from m2l_bench.jobs import latents_files as latents
from m2l_bench.progress import Progress
from m2l_bench.systems.devices import torch_device

if TYPE_CHECKING:
    from m2l_bench.music2latent import Music2Latent


@dataclass(frozen=True)
class Options:
    """How to run the model."""

    precision: str = "float32"
    device: str = "auto"
    overwrite: bool = False


@dataclass
class FileResults:
    """What became of the files."""

    written: list[Path] = field(default_factory=list)
    present: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {
            "written": [str(path) for path in self.written],
            "present": [str(path) for path in self.present],
            "failed": {str(path): reason for path, reason in self.failed.items()},
        }


def encode(source: Path, out: Path | None, weights: str, options: Options, progress: Progress) -> FileResults:
    """Audio files -> latents files.

    Raises:
        UserError: no such source or weights.
    """
    pairs = latents.pairs(source, out, latents.SUFFIX, latents.is_audio)
    done, todo = _split(pairs, source.is_dir() and not options.overwrite)
    if not todo:
        return done
    model = load_model(weights, options)

    def one(audio: Path, target: Path, on_seconds: Callable[[float], None]) -> None:
        latents.encode_file(model, weights, audio, target, on_seconds)

    return _run("encode", todo, audio_files.duration_seconds, one, done, progress)


def decode(
    source: Path, out: Path | None, weights: str | None, steps: int, seed: int, options: Options, progress: Progress
) -> FileResults:
    """Latents files -> audio files, by the weights that each was made with.

    Raises:
        UserError: no such source or weights.
    """
    import torch

    pairs = latents.pairs(source, out, ".flac", latents.is_latents)
    done, todo = _split(pairs, source.is_dir() and not options.overwrite)
    models: dict[tuple[str, float], Music2Latent] = {}

    def one(file: Path, target: Path, on_seconds: Callable[[float], None]) -> None:
        _, metadata = latents.read_latents(file)
        key = (weights or metadata.weights, metadata.latent_scale)
        if key not in models:
            models.clear()
            models[key] = load_model(key[0], options, metadata.latent_scale)
        generator = torch.Generator().manual_seed(seed)
        latents.decode_file(models[key], file, target, steps, generator, on_seconds)

    def seconds(file: Path) -> float:
        _, metadata = latents.read_latents(file)
        return metadata.samples / metadata.sample_rate

    return _run("decode", todo, seconds, one, done, progress)


def export(weights: str, out: Path, official: bool, half: bool = False) -> Path:
    """Read weights in either layout and write them in the other, or in the same.

    Args:
        half: as float16, safetensors only.

    Raises:
        UserError: no such weights, or a configuration that the layout cannot hold.
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
    """
    Raises:
        UserError: no such weights, or a device that is not there.
    """
    import torch

    from m2l_bench.music2latent import CheckpointError, Music2Latent

    try:
        return Music2Latent.from_pretrained(
            weights,
            device=torch_device(options.device),
            dtype=getattr(torch, options.precision),
            latent_scale=latent_scale,
        )
    except (CheckpointError, RuntimeError) as error:
        raise UserError(str(error)) from error


def _split(pairs: Sequence[tuple[Path, Path]], keep_present: bool) -> tuple[FileResults, list[tuple[Path, Path]]]:
    """Outputs that are there already and stay, and what is left to do."""
    present = [target for _, target in pairs if keep_present and target.exists()]
    return FileResults(present=present), [pair for pair in pairs if pair[1] not in present]


def _run(
    name: str,
    todo: Sequence[tuple[Path, Path]],
    seconds: Callable[[Path], float],
    one: Callable[[Path, Path, Callable[[float], None]], None],
    done: FileResults,
    progress: Progress,
) -> FileResults:
    """Do files one by one; what cannot be done is told and passed over. Progress counts whole seconds of audio."""
    usable = {}
    for file, _ in todo:
        try:
            usable[file] = seconds(file)
        except BadClip as error:
            done.failed[file] = str(error)
    with progress.start(name, round(sum(usable.values())), 0) as advance:
        for file, target in todo:
            if file not in usable:
                continue
            clock = _WholeSeconds(advance)
            try:
                one(file, target, clock.add)
            except BadClip as error:
                done.failed[file] = str(error)
            else:
                done.written.append(target)
    return done


class _WholeSeconds:
    """Calls `advance` once for each full second."""

    def __init__(self, advance: Callable[[], None]) -> None:
        self.advance = advance
        self.rest = 0.0

    def add(self, seconds: float) -> None:
        self.rest += seconds
        while self.rest >= 1:
            self.rest -= 1
            self.advance()
