"""What a caller gives to the training loop, and gets from it on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from m2l_bench.music2latent.autoencoder import Music2Latent


@dataclass(frozen=True)
class Validation:
    """Measurements on held-out music."""

    figures: dict[str, float]
    examples: dict[str, np.ndarray] = field(default_factory=dict)
    """Name -> samples of one channel, to listen to."""


@dataclass(frozen=True)
class Status:
    """Progress after each step."""

    iteration: int
    iterations: int
    """0: not known yet."""
    loss: float
    """Loss of the latest step whose loss was read."""
    steps_per_second: float


@dataclass(frozen=True)
class Settings:
    """Settings that do not change the resulting model, except for rounding."""

    out: Path
    minutes: float | None = None
    """Stop cleanly after this many minutes of this session."""
    interval_minutes: float = 10.0
    """Minutes between checkpoints, each with a validation."""
    accumulate: int = 1
    """Passes into which each step's crops are split: less memory, the same result but for rounding."""
    compile: bool = False
    wandb: str = ""
    """Project at Weights & Biases to log to as well; empty: none."""
    validate: Callable[[Music2Latent], Validation] | None = None
    on_status: Callable[[Status], None] = lambda status: None
    on_message: Callable[[str], None] = lambda message: None
