"""Weights that a test and the script that recorded upstream's outputs make alike, so that they need not be kept."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

GAINS = {"weight", "weight_g", "gamma", "alpha", "running_var", "running_std", "scaling_factor"}
"""Last parts of names: near one if they have one number a channel, as the scales of normalisation."""


def upstream_weights(shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Random tensors of these names and shapes under which activations neither vanish nor grow.

    NumPy promises the same numbers from `RandomState` in every version.
    """
    random = np.random.RandomState(seed)
    weights = {}
    for name in sorted(shapes):
        shape = shapes[name]
        noise = random.standard_normal(shape)
        if name.rpartition(".")[2] in GAINS and np.prod(shape) == max(shape, default=1):
            value = 1 + 0.1 * noise
        else:
            value = noise / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.1 * noise
        weights[name] = value.astype(np.float32)
    return weights


def upstream_audio(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    """Noise of this shape within [-1, 1]."""
    return np.random.RandomState(seed).uniform(-1, 1, shape).astype(np.float32)
