"""Latents files of Music2Latent: encode audio files to them, and decode them to audio files.

A latents file is a safetensors file with one tensor, `latents` (channels, 64, frames), and metadata with everything
that decoding needs: which weights, how many samples, and at which sample rate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from m2l_bench.audio import Audio, AudioFile, count_samples, resample_blocks
from m2l_bench.errors import BadClip, UserError
from m2l_bench.runs.files import explain_write_errors, whole_or_absent, write_atomically
from m2l_bench.text import counted

if TYPE_CHECKING:
    import torch

    from m2l_bench.music2latent import Music2Latent

FORMAT = "m2l-bench.latents"
SUFFIX = ".safetensors"
BLOCK_SECONDS = 10


@dataclass(frozen=True)
class Metadata:
    """Metadata of a latents file."""

    weights: str
    """Name or path of the weights that encoded it."""
    weights_sha256: str
    preset: str
    """Preset of the weights; empty if their configuration is none of the presets."""
    latent_scale: float
    samples: int
    """Number of samples of the audio that was encoded, at its own rate."""
    sample_rate: int
    """Sample rate of that audio in Hz; if it is not the model's, the audio was resampled."""
    channels: int


def encode_file(
    model: Music2Latent,
    weights: str,
    source: Path,
    target: Path,
    on_seconds: Callable[[float], None] = lambda _: None,
    *,
    accept_truncated: bool = False,
) -> Metadata:
    """Encode an audio file of any length, block by block.

    Args:
        weights: name or path that `model` was loaded from, for the file's metadata.
        on_seconds: called with the seconds of audio done since the last call.

    Raises:
        BadClip: the file is not readable as audio, or holds no samples or NaN.
    """
    import torch

    with _opened(model, weights, source, accept_truncated) as (metadata, reader, samples):
        parts = []
        for part in model.encode_stream(reader, samples):
            parts.append(part)
            on_seconds(part.shape[-1] * model.config.samples_per_latent / model.config.sample_rate)
    write_latents(target, torch.cat(parts, dim=-1), metadata)
    return metadata


def read_waveforms(
    model: Music2Latent, weights: str, source: Path, *, accept_truncated: bool = False
) -> tuple[torch.Tensor, Metadata] | None:
    """Read an audio file that the model encodes in one piece, as it takes it; None for a longer file.

    Returns:
        (channels, samples) at the model's sample rate, and the metadata of the latents file.

    Raises:
        BadClip: the file is not readable as audio, or holds no samples or NaN.
    """
    from m2l_bench.music2latent.autoencoder import CHUNK_LATENTS

    with _opened(model, weights, source, accept_truncated) as (metadata, reader, samples):
        return (reader(0, samples), metadata) if model.latents_for(samples) <= CHUNK_LATENTS else None


def write_latents(target: Path, latents: torch.Tensor, metadata: Metadata) -> None:
    """Write latents (channels, 64, frames) to a file, whose folder is made.

    Raises:
        UserError: the file cannot be written.
    """
    from safetensors.torch import save

    described = {"format": FORMAT, **{key: str(value) for key, value in asdict(metadata).items()}}
    with explain_write_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, save({"latents": latents.contiguous()}, described))


@contextmanager
def _opened(
    model: Music2Latent, weights: str, source: Path, accept_truncated: bool
) -> Iterator[tuple[Metadata, _Sequential, int]]:
    """Open an audio file: its metadata, and a reader of its samples at the model's rate, with their number."""
    from m2l_bench.music2latent import PRESETS

    length = count_samples(source, accept_truncated)
    with AudioFile(source) as file:
        metadata = Metadata(
            weights=weights,
            weights_sha256=model.checkpoint.sha256,
            preset=next((name for name, config in PRESETS.items() if config == model.config), ""),
            latent_scale=model.latent_scale,
            samples=length,
            sample_rate=file.sample_rate,
            channels=file.channels,
        )
        samples = max(1, round(length * model.config.sample_rate / file.sample_rate))
        blocks = _clipped(file, length - file.tolerance)
        yield (
            metadata,
            _Sequential(resample_blocks(blocks, file.sample_rate, model.config.sample_rate), file.channels),
            samples,
        )


def decode_file(
    model: Music2Latent,
    source: Path,
    target: Path,
    steps: int = 1,
    generator: torch.Generator | None = None,
    on_seconds: Callable[[float], None] = lambda _: None,
) -> Metadata:
    """Decode a latents file to audio of exactly the original's length, rate and channels, block by block.

    The target's extension decides the format: 16-bit FLAC or WAV, or the default of libsndfile for another extension.

    Args:
        steps: number of denoising steps.
        generator: random generator of the noise; None: another noise each time.
        on_seconds: called with the seconds of audio done since the last call.

    Raises:
        BadClip: the file is not a latents file, was made with other weights, or the target cannot be written.
    """
    import soundfile

    latents, metadata = read_latents(source)
    if metadata.weights_sha256 != model.checkpoint.sha256:
        raise BadClip(
            f"encoded with other weights: SHA-256 {metadata.weights_sha256[:12]}..., these are "
            f"{model.checkpoint.sha256[:12]}..."
        )
    samples = max(1, round(metadata.samples * model.config.sample_rate / metadata.sample_rate))
    parts = (part.numpy() for part in model.decode_stream(latents, samples, steps=steps, generator=generator))
    target.parent.mkdir(parents=True, exist_ok=True)
    left = metadata.samples
    try:
        with (
            explain_write_errors(target.parent),
            whole_or_absent(target) as unfinished,
            soundfile.SoundFile(unfinished, "w", metadata.sample_rate, metadata.channels) as file,
        ):
            for block in resample_blocks(parts, model.config.sample_rate, metadata.sample_rate):
                file.write(np.clip(block[:, :left].T, -1, 1))
                on_seconds(block.shape[1] / metadata.sample_rate)
                left -= min(left, block.shape[1])
            file.write(np.zeros((left, metadata.channels), np.float32))
    except (soundfile.LibsndfileError, TypeError, ValueError) as error:
        raise BadClip(f"{target}: cannot be written ({error})") from error
    return metadata


def read_latents(path: Path) -> tuple[torch.Tensor, Metadata]:
    """Read the latents (channels, 64, frames) and the metadata of a file.

    Raises:
        BadClip: the file is not a latents file, or is incomplete.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as content:
            described = content.metadata() or {}
            if described.get("format") != FORMAT:
                raise BadClip("a safetensors file, but not one of latents")
            latents = content.get_tensor("latents")
        metadata = Metadata(
            weights=described["weights"],
            weights_sha256=described["weights_sha256"],
            preset=described["preset"],
            latent_scale=float(described["latent_scale"]),
            samples=int(described["samples"]),
            sample_rate=int(described["sample_rate"]),
            channels=int(described["channels"]),
        )
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise BadClip(f"not a whole latents file ({error})") from error
    if latents.ndim != 3 or len(latents) != metadata.channels:
        raise BadClip(f"its latents have shape {tuple(latents.shape)} for {counted(metadata.channels, 'channel')}")
    return latents, metadata


def input_output_pairs(
    source: Path, target: Path | None, suffix: str, files: Sequence[Path]
) -> list[tuple[Path, Path]]:
    """List input and output of each file; for a folder, of all files in it and below it, with the same subfolders.

    Args:
        source: a file or a folder.
        target: a file or a folder; None: beside the input.
        suffix: suffix of the outputs.
        files: the inputs below `source` where that is a folder.

    Raises:
        UserError: there is no input, or the target is a file.
    """
    if not source.exists():
        raise UserError(f"{source}: no such file or folder")
    if source.is_file():
        file = target or source.with_suffix(suffix)
        return [(source, file / (source.stem + suffix) if file.is_dir() else file)]
    if not files:
        raise UserError(f"{source}: nothing to do in this folder")
    folder = target or source
    if folder.is_file():
        raise UserError(f"{folder}: is a file, but {source} is a folder")
    paths = [path.relative_to(source) for path in files]
    counts = Counter(path.with_suffix("") for path in paths)
    # Files that differ in their suffix alone keep it: song.wav.safetensors, song.mp3.safetensors.
    outputs = [
        path.with_name(path.name + suffix) if counts[path.with_suffix("")] > 1 else path.with_suffix(suffix)
        for path in paths
    ]
    return [(path, folder / output) for path, output in zip(files, outputs, strict=True)]


def list_latents(folder: Path) -> list[Path]:
    """List the latents files below a folder, sorted."""
    paths = folder.rglob(f"*{SUFFIX}")
    return sorted(path for path in paths if path.is_file() and not path.name.startswith("."))


class _Sequential:
    """Reader for `encode_stream`, which asks for (start, stop), from blocks (channels, samples) that come in order."""

    def __init__(self, blocks: Iterator[Audio], channels: int) -> None:
        self.blocks = blocks
        self.first = 0
        self.buffer: Audio = np.zeros((channels, 0), np.float32)

    def __call__(self, start: int, stop: int) -> torch.Tensor:
        import torch

        self._forget_before(start)
        while self.first + self.buffer.shape[1] < stop:
            block = next(self.blocks, None)
            if block is None:  # resampling may end a sample early
                block = np.zeros((len(self.buffer), stop - self.first - self.buffer.shape[1]), np.float32)
            self.buffer = np.concatenate([self.buffer, block], axis=1)
            self._forget_before(start)
        return torch.from_numpy(self.buffer[:, start - self.first : stop - self.first].copy())

    def _forget_before(self, start: int) -> None:
        dropped = min(max(0, start - self.first), self.buffer.shape[1])
        self.buffer = self.buffer[:, dropped:]
        self.first += dropped


def _clipped(file: AudioFile, least: int) -> Iterator[Audio]:
    """Yield blocks (channels, samples) of a file, clipped to full scale.

    Args:
        least: samples that there must be.

    Raises:
        BadClip: a part cannot be decoded, or there are fewer samples.
    """
    count = 0
    try:
        for block in file.blocks(BLOCK_SECONDS * file.sample_rate):
            count += block.shape[1]
            yield np.clip(block, -1, 1)
    except BadClip:
        if count < least:
            raise
    if count < least:
        raise BadClip(f"truncated: {least} samples promised, {count} present")
