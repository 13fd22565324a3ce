"""A tiny card of a generator, and collections of latents that are easy to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support.collections import collection

from m2l_bench.latents.collection import begin_collection
from m2l_bench.latents.index import read_index
from m2l_bench.latents.volumes import VolumeWriter

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
