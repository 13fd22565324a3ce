"""Small folders of audio, and vectors and distances of them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import soundfile
import torch

from m2l_bench.embeddings.base import Embedding
from m2l_bench.metrics.frechet import frechet_distance, statistics

Folders = tuple[Path, Path]


def tones(seconds: float, rate: int, seed: int) -> np.ndarray:
    """(samples,) float32: a chord with a tremolo, and noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    audio = rng.uniform(0.01, 0.1) * rng.standard_normal(len(time))
    for pitch in 110 * 2 ** (rng.integers(0, 48, 4) / 12):
        audio += 0.1 * np.sin(2 * np.pi * pitch * time) * (1 + np.sin(2 * np.pi * rng.uniform(1, 8) * time))
    return audio.astype(np.float32)


def write_folders(root: Path, rate: int, seconds: list[float], clips: int = 6) -> Folders:
    """Write two folders of 16-bit WAV files, with the lengths of `seconds` by turns; returns their paths."""
    folders = root / "reference", root / "evaluated"
    for number, folder in enumerate(folders):
        folder.mkdir(parents=True)
        for clip in range(clips):
            audio = tones(seconds[clip % len(seconds)], rate, seed=100 * number + clip)
            soundfile.write(folder / f"{clip}.wav", 0.9 * audio / np.abs(audio).max(), rate)
    return folders


def embed(embedding: Embedding, folders: Folders) -> list[np.ndarray]:
    """Embed each folder as (frames, dim), in the package's order of files, which are at the rate of the embedding."""
    return [
        torch.cat(
            [
                embedding.embed(torch.from_numpy(soundfile.read(folder / name, dtype="float32")[0]))
                for name in os.listdir(folder)  # noqa: PTH208
            ]
        ).numpy()
        for folder in folders
    ]


def relative(ours: object, theirs: object) -> float:
    """Largest difference over largest value."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Measure our distance of two sets of vectors (frames, dim)."""
    return frechet_distance(statistics([a]), statistics([b]))
