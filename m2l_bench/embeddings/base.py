"""What an embedding is: a network that turns audio into vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from m2l_bench.adapter import Adapter

if TYPE_CHECKING:
    from torch import Tensor


class Embedding(Adapter, ABC):
    """An adapter around one network. Rate, channels, device and length are the work of `EmbeddingRunner`."""

    sample_rate: int
    """Hz of the mono audio that it takes."""
    dim: int
    """Numbers in a vector."""
    minimum_seconds: float
    """Shorter audio has no vector."""
    batch_size: int = 1
    """Clips of equal length that `embed_batch` gets at once."""

    @abstractmethod
    def embed(self, audio: Tensor) -> Tensor:
        """(samples,) float32 mono in [-1, 1] at `sample_rate`, at least `minimum_seconds` -> (frames, dim)."""

    def embed_batch(self, audio: Tensor) -> Tensor:
        """(batch, samples) -> (batch, frames, dim), for clips of equal length; by default one clip after the other."""
        import torch

        return torch.stack([self.embed(clip) for clip in audio])
