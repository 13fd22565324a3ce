"""What the measures need of an autoencoder, and the distance by which they compare audio."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from m2l_bench.audio import Audio, fit_length
from m2l_bench.errors import Undefined
from m2l_bench.metrics.spectrograms import measure

Latents = NDArray[Any]
"""(width, frames), numbers or codes."""
Values = dict[str, float]
"""Values by the name of the measure; NaN where there is none."""


class Coder(Protocol):
    """An autoencoder of one stream of audio. Equal latents always decode to equal audio."""

    sample_rate: int
    """Hz."""
    frame: int
    """Samples of one channel for which a frame of latents stands."""

    def encode(self, audio: Audio) -> Latents:
        """Encode (channels, samples) to (width, frames)."""
        ...

    def decode(self, latents: Latents, samples: int) -> Audio:
        """Decode latents to (channels, samples)."""
        ...

    def codes(self, latents: Latents) -> Latents:
        """Select the indices of entries of codebooks, (codebooks, frames)."""
        ...


def mel_distance(first: Audio, second: Audio, sample_rate: int) -> float:
    """Compute the mel distance of two signals (channels, samples), over their common length; NaN where it has none."""
    samples = min(first.shape[1], second.shape[1])
    try:
        value = measure(fit_length(first, samples), fit_length(second, samples), sample_rate, ("mel_distance",))
    except ValueError:  # there are no samples
        return float("nan")
    distance = value["mel_distance"]
    return float("nan") if isinstance(distance, Undefined) else distance


def relative_error(estimate: Latents, target: Latents) -> float:
    """Compute the distance of two latents of equal shape, divided by the norm of `target`.

    Both are centred first: the mean of each channel over the frames is taken off. So a constant offset, such as the
    bias of a layer, costs nothing, and latents that do not depend on the audio have no value (NaN).
    """
    estimate, target = (latents - latents.mean(axis=1, keepdims=True) for latents in (estimate, target))
    energy = np.sum(target**2, dtype=np.float64)
    return float(np.sqrt(np.sum((estimate - target) ** 2, dtype=np.float64) / energy)) if energy > 0 else float("nan")
