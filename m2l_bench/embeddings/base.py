"""Base class of embeddings, which turn audio into vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from m2l_bench.adapter import Adapter

if TYPE_CHECKING:
    from torch import Tensor


Channels = Literal["mix", "each"]
"""Whether the channels of a clip are mixed to mono, or each has vectors of its own."""


@dataclass(frozen=True)
class Blocks:
    """How to cut long audio so that the vectors of its blocks, one block after the other, are those of the whole.

    Lengths are in samples. Blocks begin where the network would begin a batch, so that even rounding is the same.
    """

    step: int
    """From the beginning of a block to that of the next."""
    overhang: int = 0
    """Samples of the next block that a block needs at its end."""
    context: int = 0
    """Samples of the previous block that a block needs at its beginning."""
    context_vectors: int = 0
    """Vectors of the context, which are left out."""
    least: int = 1
    """Samples without which the rest at the end has no vector."""


class Embedding(Adapter, ABC):
    """An adapter around one network. `EmbeddingRunner` takes care of sample rate, channels, device and length."""

    sample_rate: int
    """Sample rate in Hz of the mono audio that it takes."""
    dim: int
    """Numbers in a vector."""
    minimum_seconds: float
    """Length in seconds of the shortest audio that has a vector."""
    channels: Channels = "mix"
    """What becomes of the channels of a clip; probes always mix them."""
    batch_size: int = 1
    """Number of clips of equal length that `embed_batch` gets at once."""
    blocks: Blocks | None = None
    """How long audio can be cut; None: each vector depends on the whole clip, which has to fit into memory."""

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
