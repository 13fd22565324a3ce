"""Base class of embeddings that are hidden states of a transformer, averaged over layers."""

from __future__ import annotations

import functools
import math
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.adapter import Availability
from m2l_bench.embeddings.base import Embedding
from m2l_bench.errors import UserError
from m2l_bench.weights.read import package_availability

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


class MeanOfLayers(Embedding):
    """Hidden states of a network of `transformers`, averaged over layers.

    A clip longer than `window` samples is cut into the fewest possible windows of equal length, which are processed
    independently.
    """

    window: int
    """Samples in the longest window."""
    network: Module
    layers: Sequence[int]
    """Numbers of the layers to average: 0 is the input of the first layer."""

    def choose_layers(self, layers: Sequence[int], last: int, config: Path) -> None:
        """Set the layers to average.

        Args:
            last: number of the last layer.
            config: the model's `config.json`, for the message.

        Raises:
            UserError: a layer does not exist, or none is named.
        """
        if not layers or not all(0 <= layer <= last for layer in layers):
            raise UserError(f"{config}: layers {layers}: expected numbers from 0 to {last}")
        self.layers = layers

    @classmethod
    def availability(cls, **_: object) -> Availability:
        return package_availability("transformers")

    def to(self, device: str) -> None:
        self.network.to(device)

    @abstractmethod
    def hidden_states(self, audio: Tensor) -> Sequence[Tensor]:
        """Compute the states of all layers, each (1, frames, dim), of a window (samples,) on the network's device."""

    def embed(self, audio: Tensor) -> Tensor:
        """Map (samples,) to (frames, dim)."""
        import torch

        device = next(self.network.parameters()).device
        rows = []
        for window in audio.tensor_split(math.ceil(len(audio) / self.window)):
            with torch.inference_mode():
                states = self.hidden_states(window.to(device))
                total = functools.reduce(torch.add, [states[layer][0] for layer in self.layers])
                rows.append(total / len(self.layers))
        return torch.cat(rows)
