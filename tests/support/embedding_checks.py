"""What every embedding must do, and which files of weights it must refuse."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from support.audio import music

from m2l_bench.embeddings.base import Embedding
from m2l_bench.errors import UserError
from m2l_bench.systems.embedding_runner import EmbeddingRunner

Make = Callable[[Path], Embedding]
"""Makes an adapter around a file of weights."""


class Malicious:
    """Unpickled by a reader that trusts the file, it makes `trace`."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.trace}",)


def audio(embedding: Embedding, seconds: float, seed: int = 0) -> torch.Tensor:
    """Music as (samples,) at the rate of the embedding."""
    return torch.from_numpy(music(seconds, embedding.sample_rate, seed=seed)[0])


def check_contract(embedding: Embedding, seconds: float, rows: int) -> None:
    """Check shape, repeatability, silence, and the shortest clip that the adapter says it takes."""
    clip = audio(embedding, seconds)
    vectors = embedding.embed(clip)
    assert vectors.shape == (rows, embedding.dim)
    assert vectors.dtype == torch.float32
    assert torch.equal(embedding.embed(clip.clone()), vectors)
    assert vectors.isfinite().all()
    assert not torch.equal(embedding.embed(audio(embedding, seconds, seed=1)), vectors)
    assert embedding.embed(torch.zeros_like(clip)).isfinite().all()
    shortest = clip[: round(embedding.minimum_seconds * embedding.sample_rate)]
    assert embedding.embed(shortest).shape == (1, embedding.dim)


def check_blocks(embedding: Embedding, module: ModuleType, monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    """Check that audio in blocks has exactly the vectors of the whole, with short blocks of one batch of one window.

    Args:
        batches: batches in a block.
    """
    assert embedding.blocks is not None
    windows = module.BATCH
    blocks = replace(
        embedding.blocks,
        step=embedding.blocks.step // batches // windows,
        context=embedding.blocks.context // windows,
        context_vectors=embedding.blocks.context_vectors // windows,
    )
    monkeypatch.setattr(module, "BATCH", 1)
    monkeypatch.setattr(embedding, "blocks", blocks, raising=False)
    runner = EmbeddingRunner(embedding, "")
    rest = blocks.step + max(blocks.least, blocks.overhang)
    for samples, rate in ((rest - 1, embedding.sample_rate), (rest, embedding.sample_rate), (5 * rest // 2, 44_100)):
        clip = 0.1 * np.random.default_rng(0).standard_normal((2, samples)).astype(np.float32)
        blockwise = runner.embed_blocks(np.array_split(clip, 7, axis=1), rate)
        np.testing.assert_array_equal(blockwise, runner.embed(clip, rate))


def refused(make: Make, path: Path, *messages: str) -> None:
    """Check that it is refused in one line that names the file and holds each of `messages`."""
    with pytest.raises(UserError) as caught:
        make(path)
    for message in (str(path), *messages):
        assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def check_bad_pickles(make: Make, good: Path, folder: Path, expected: str) -> None:
    """Check no file, a file cut short, one of another network, and one that holds code."""
    refused(make, folder / "none.pt", "no such file", expected)
    cut = folder / "cut.pt"
    with good.open("rb") as file:
        cut.write_bytes(file.read(min(1 << 20, good.stat().st_size // 2)))
    refused(make, cut, "cannot be read as a PyTorch checkpoint", expected)
    other = folder / "other.pt"
    torch.save({"a.weight": torch.zeros(1)}, other)
    refused(make, other, "it lacks", expected)
    torch.save([1, 2], other)
    refused(make, other, "does not hold tensors by name", expected)
    evil, trace = folder / "evil.pt", folder / "ran"
    torch.save({"state_dict": {}, "optimizer": Malicious(trace)}, evil)
    refused(make, evil, "without running code", expected)
    assert not trace.exists()
