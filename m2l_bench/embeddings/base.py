"""What an embedding is: a network that turns audio into vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Embedding(Protocol):
    """An adapter around one network. `embedding_runner` does rate, channels, device, length and finiteness around it.

    Made with the options of its card, and one keyword for each file of weights that the card names, whose value is
    that file's path. A class whose packages may be missing has a static method `unavailable(**options)`: why it cannot
    run here and the command that changes it, or two empty strings. One that is a `torch.nn.Module`, or has a method
    `to(device)`, is moved to the device of the run. One that gains by it has `batch_size` and `embed_batch(audio)`:
    (batch, samples) -> (batch, frames, dim), for clips of equal length.
    """

    version: str
    """Changes when the same weights begin to give other numbers: cached vectors of another version are not used."""
    sample_rate: int
    """Hz of the mono audio it takes."""
    dim: int
    """Numbers in a vector."""
    minimum_seconds: float
    """Shorter audio has no vector."""

    def embed(self, audio: Tensor) -> Tensor:
        """(samples,) float32 mono in [-1, 1] at `sample_rate`, at least `minimum_seconds` -> (frames, dim)."""
