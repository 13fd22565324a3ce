"""The packages that others measure with, on random weights in the published formats and small folders of audio.

Nothing is fetched: where the packages ask the Hugging Face hub for a text tower, which takes no part in an embedding of
audio, they get a small random one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import URLError

import cpu_compat
import numpy as np
import pytest
import soundfile
import torch

from m2l_bench.embeddings.base import Embedding
from m2l_bench.metrics.frechet import frechet_distance, statistics

os.environ["HF_HUB_OFFLINE"] = "1"
KEPT = cpu_compat.install()

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
    """Two folders of 16-bit WAV files, with the lengths of `seconds` by turns."""
    folders = root / "reference", root / "evaluated"
    for number, folder in enumerate(folders):
        folder.mkdir(parents=True)
        for clip in range(clips):
            audio = tones(seconds[clip % len(seconds)], rate, seed=100 * number + clip)
            soundfile.write(folder / f"{clip}.wav", 0.9 * audio / np.abs(audio).max(), rate)
    return folders


def embed(embedding: Embedding, folders: Folders) -> list[np.ndarray]:
    """(frames, dim) of each folder, in the package's order of files, which are at the rate of the embedding."""
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
    """Our distance of two sets of vectors (frames, dim)."""
    return frechet_distance(statistics([a]), statistics([b]))


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.hub asks GitHub for a branch's name, and takes what it has when there is no answer."""

    def no_answer(*_: object, **__: object) -> None:
        raise URLError("the tests fetch nothing")

    monkeypatch.setattr(torch.hub, "urlopen", no_answer)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of torch.hub that `upstream_fad` uses."""
    monkeypatch.setenv("M2L_BENCH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "cache" / "upstream"
    (folder / "checkpoints").mkdir(parents=True)
    return folder


@pytest.fixture
def recorded(laion_clap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Fills with the embeddings that frechet-audio-distance makes of the reference and of the evaluated folder."""
    from frechet_audio_distance import FrechetAudioDistance

    seen: list[np.ndarray] = []
    get_embeddings = FrechetAudioDistance.get_embeddings

    def record(self: FrechetAudioDistance, *args: Any, **options: Any) -> np.ndarray:
        seen.append(get_embeddings(self, *args, **options))
        return seen[-1]

    monkeypatch.setattr(FrechetAudioDistance, "get_embeddings", record)
    return seen


@pytest.fixture(scope="module")
def laion_clap() -> Iterator[ModuleType]:
    """Imports laion-clap, which asks the hub for three tokenizers on the way."""
    from transformers import PreTrainedTokenizerBase, RobertaConfig, RobertaModel

    def small(*_: object, **__: object) -> RobertaModel:
        return RobertaModel(RobertaConfig(vocab_size=32, num_hidden_layers=1))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PreTrainedTokenizerBase, "from_pretrained", lambda *_, **__: None)
        patch.setattr(RobertaModel, "from_pretrained", small)
        import laion_clap

        yield laion_clap
