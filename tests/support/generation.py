"""A tiny card of a generator, and collections of latents that are easy to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support.collections import collection

from m2l_bench.latents.collection import begin_collection
from m2l_bench.latents.index import read_index
from m2l_bench.latents.volumes import VolumeWriter

FIGURES = [f"{name}_musicnn{end}" for name in ("fad", "kad") for end in ("", "_low", "_high")]
SETS = {
    "easy": {"samples,0": 3.0, "random latents,": 9.0, "corpus,": 2.0},
    "hard": {"samples,0": 8.0, "samples,1": 7.0, "random latents,": 9.0},
}
TINY = """\
name: tiny
title: Tiny
depth: 1
width: 16
heads: 2
seconds: 0.2
batch_seconds: 1.6
steps: 6
learning_rate: 0.01
warm_up: 2
ema: 0.9
validations: 3
validation_crops: 4
sampler: euler
sampling_steps: 2
"""


def write_latents(folder: Path, frame_samples: int = 441, files: int = 6, order: int = 1, streams: int = 1) -> Path:
    """Write latents of files of 1.0, 1.1, 1.2 ... s.

    Their rows are seconds since the beginning, plus 100 per file and 10 per stream.
    """
    description = collection().model_copy(update={"frame_samples": frame_samples})
    begin_collection(folder, description)
    (folder / "1-of-1").mkdir()
    writer = VolumeWriter(folder / "1-of-1", description, 1e9, read_index(folder, ["id"]).table["id"])
    for number in range(files)[::order]:
        samples = 44_100 + 4410 * number
        seconds = np.arange(samples // frame_samples) * frame_samples / 44_100
        row = (100 * number + seconds).astype(np.float32)
        writer.add(f"{number}.wav", [np.tile(row + 10 * stream, (3, 1)) for stream in range(streams)], samples, 44_100)
    writer.close()
    return folder


def write_table(path: Path) -> Path:
    """Write a `generate.csv` of two systems, of which one has no ceiling."""
    lines = [
        f"{system},{name},8,{20 * value},{20 * value - 5},{20 * value + 5},{value},{value - 0.5},{value + 1}"
        for system, sets in SETS.items()
        for name, value in sets.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([",".join(["system,set,seed,count", *FIGURES]), *lines]) + "\n")
    return path
