"""A tiny card of a generator, collections of latents that are easy to learn, and music for the whole command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support.audio import write
from support.collections import collection
from support.toy_codec import BANDS, CODES
from support.toy_embedding import CARD as TOY

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
OPTIONS = ["--models", "bands", "--data", "corpus", "--held-out", "other", "--generator", "tiny.yaml", "--cards"]
OPTIONS += ["cards", "--embeddings", "toy", "--device", "cpu", "--samples", "9", "-o", "out"]
"""Options of `generate` in a folder that `write_music` filled."""


def write_music(folder: Path) -> None:
    """Write cards of toy codecs and a toy embedding, a card of a generator, and eighteen files of music of 3 s."""
    cards = folder / "cards"
    cards.mkdir()
    for name, content in {"bands": BANDS, "codes": CODES, "toy": TOY}.items():
        (cards / f"{name}.yaml").write_text(content)
    card = TINY.replace("seconds: 0.2", "seconds: 3").replace("batch_seconds: 1.6", "batch_seconds: 12")
    (folder / "tiny.yaml").write_text(card)
    for seed in range(18):
        write(folder / ("corpus" if seed < 9 else "other") / f"{seed}.wav", tones(seed))


def tones(seed: int) -> np.ndarray:
    """(1, samples) of 3 s: one of three tones, which fades out and begins anew each second."""
    time = np.arange(3 * 44_100) / 44_100
    pitch = (300, 1000, 3000)[seed % 3]
    audio = 0.6 * np.sin(2 * np.pi * pitch * time) * (1 - time % 1) ** 2
    return (audio + 0.001 * np.random.default_rng(seed).standard_normal(len(time)))[None].astype(np.float32)


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
