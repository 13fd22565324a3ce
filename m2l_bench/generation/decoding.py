"""Decoding of items of a set to FLAC files, a few at a time; files that are there already are passed over."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from m2l_bench.audio import Audio, flac_bytes
from m2l_bench.digests import seed_of
from m2l_bench.engine.torch_devices import clock
from m2l_bench.errors import BadClip
from m2l_bench.runs.files import explain_write_errors, write_atomically
from m2l_bench.runs.generated import path_of
from m2l_bench.systems.codec_runner import CodecRunner

version = "1"
"""Version of the numbers of the files. Raise it when equal latents begin to give other audio."""
BATCH = 8
"""Items that are made and decoded together."""
TIMES = "times.json"

MakeItems = Callable[[Sequence[int]], list[Tensor]]
"""Makes the latents of items by their numbers, each (streams, width, frames)."""


def write_items(
    folder: Path, count: int, make: MakeItems, runner: CodecRunner, seconds: float, advance: Callable[[], None]
) -> float:
    """Make, decode and write the items `0000.flac` and so on.

    Args:
        folder: folder of the files, whose name decides the noise of a generative decoder; it is made.
        seconds: length of each item.
        advance: called for each item that is written.

    Returns:
        seconds of work per item, over all sessions.

    Raises:
        BadClip: the codec gave NaN or infinity.
        UserError: the files cannot be written.
    """
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    times = folder / TIMES
    done, spent = json.loads(times.read_text()) if times.is_file() else (0, 0.0)
    missing = [number for number in range(count) if not path_of(folder, number).is_file()]
    for first in range(0, len(missing), BATCH):
        numbers = missing[first : first + BATCH]
        started = clock(runner.device)
        audio = decode(make(numbers), [noise_seed(folder.name, number) for number in numbers], runner, seconds)
        spent, done = spent + clock(runner.device) - started, done + len(numbers)
        with explain_write_errors(folder):
            for number, item in zip(numbers, audio, strict=True):
                write_atomically(path_of(folder, number), flac_bytes(item, runner.codec.sample_rate))
                advance()
            write_atomically(times, json.dumps([done, round(spent, 4)]).encode())
    return float(spent / done) if done else 0.0


def frames_of(runner: CodecRunner, seconds: float) -> int:
    """Count the frames that a codec gives for audio of this length, which is what it decodes to this length."""
    codec = runner.codec
    silence = torch.zeros(1, codec.channels, round(seconds * codec.sample_rate), device=runner.device)
    with torch.inference_mode():
        return int(codec.encode(silence).shape[-1])


def present(folder: Path, count: int) -> int:
    """Count the items of a set that are written."""
    return sum(path_of(folder, number).is_file() for number in range(count))


def noise_seed(name: str, number: int) -> int:
    """Seed of the noise of an item of a set."""
    return seed_of(f"{name}:{number}")


def decode(items: Sequence[Tensor], seeds: Sequence[int], runner: CodecRunner, seconds: float) -> list[Audio]:
    """Decode items, each (streams, width, frames), to audio (channels, samples) at the codec's rate.

    Args:
        seeds: seeds of the noise of each item, for generative decoders.

    Raises:
        BadClip: the codec gave NaN or infinity.
    """
    codec, samples = runner.codec, round(seconds * runner.codec.sample_rate)
    generators = [torch.Generator(runner.device).manual_seed(seed) for seed in seeds]
    batches = [item.to(runner.device) for item in items]
    with torch.inference_mode():
        if codec.generator_per_item:
            each = [generator for generator, item in zip(generators, items, strict=True) for _ in item]
            whole = codec.decode(torch.cat(batches), samples, steps=runner.steps, generator=each)  # type: ignore[arg-type]
            outputs = list(torch.split(whole, [len(item) for item in items]))
        else:
            outputs = [
                codec.decode(batch, samples, steps=runner.steps, generator=generator)
                for batch, generator in zip(batches, generators, strict=True)
            ]
    audio = [output[..., :samples].flatten(0, 1).float().cpu().numpy() for output in outputs]
    if not all(np.isfinite(item).all() for item in audio):
        raise BadClip("the codec gave NaN or infinite samples")
    return audio
