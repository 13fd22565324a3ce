"""Base class of embeddings, which turn audio into vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from m2l_bench.adapter import Adapter

if TYPE_CHECKING:
    from torch import Tensor


class Embedding(Adapter, ABC):
    """An adapter around one network. `EmbeddingRunner` takes care of sample rate, channels, device and length."""

    sample_rate: int
    """Sample rate in Hz of the mono audio that it takes."""
    dim: int
    """Numbers in a vector."""
    minimum_seconds: float
    """Length in seconds of the shortest audio that has a vector."""
    batch_size: int = 1
    """Number of clips of equal length that `embed_batch` gets at once."""

    @abstractmethod
    def embed(self, audio: Tensor) -> Tensor:
        """Map mono audio (samples,) to vectors (frames, dim).

        Args:
            audio: float32 in [-1, 1] at `sample_rate`, at least `minimum_seconds` long.
        """

    def embed_batch(self, audio: Tensor) -> Tensor:
        """Map clips of equal length (batch, samples) to (batch, frames, dim); by default one clip after the other."""
        import torch

        return torch.stack([self.embed(clip) for clip in audio])
