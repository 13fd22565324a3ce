"""The recipe of a training: one dataclass, two presets.

"published" means the authors' training code (music2latent 0.1.7), for what the paper does not say.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

Optimiser = Literal["radam", "adam", "muon"]


@dataclass(frozen=True)
class Recipe:
    """Every number of a training.

    Raises:
        ValueError: numbers that cannot be used; the message says which.
    """

    # Data, Section 4.1 and 5.1
    crop_frames: int = 64
    """STFT frames of a training crop: 34,304 samples at a hop of 512 (published)."""
    minimum_rms: float = 0.001
    """Quieter crops are drawn again (published)."""

    # Optimisation, Section 5.1
    batch_size: int = 16
    """Crops per step, on all devices together."""
    iterations: int = 800_000
    """K of Eq. 13. 0: as many as fit in the time that is given, by the speed measured on the way."""
    optimiser: Optimiser = "radam"
    """muon moves matrices and convolutions; the rest follows Adam, at the same rate."""
    learning_rate: float = 1e-4
    final_learning_rate: float = 1e-6
    """The learning rate at the end of the cosine."""
    betas: tuple[float, float] = (0.9, 0.999)
    warmup_iterations: int = 10_000
    """Linear, from 0 (published)."""
    ema_decay: float = 0.9999
    """Approached as (1 + n) / (10 + n) (published)."""

    # Consistency training, Sections 3 and 4.3
    initial_step: float = 0.1
    """Delta t_0 of Eq. 13."""
    final_exponent: float = 3.0
    """e_K of Eq. 13: the step ends at `initial_step` to this power."""
    noise_mean: float = -1.1
    """P_mean: the mean of log sigma in the weights of the noise levels."""
    noise_std: float = 2.0
    """P_std."""
    noise_bins: int = 9_999
    """Bins of the uniform grid of t that carries those weights (published)."""

    def __post_init__(self) -> None:
        positive = ("crop_frames", "batch_size", "learning_rate", "noise_std", "noise_bins", "initial_step")
        for name in positive:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}: expected more than 0")
        if self.iterations < 0 or self.warmup_iterations < 0:
            raise ValueError("iterations and warmup_iterations cannot be negative")
        if self.crop_frames % 8:
            raise ValueError(f"crop_frames is {self.crop_frames}: expected a multiple of 8")
        if self.optimiser not in get_args(Optimiser):
            raise ValueError(f"optimiser is {self.optimiser!r}: expected radam, adam or muon")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay is {self.ema_decay}: expected at least 0 and less than 1")

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read what `to_json` wrote.

        Raises:
            ValueError: not a recipe.
        """
        content: dict[str, Any] = json.loads(text)
        known = {field.name for field in fields(cls)}
        if not isinstance(content, dict) or set(content) != known:
            raise ValueError("not a recipe of this version")
        values: dict[str, Any] = {**content, "betas": tuple(content["betas"])}
        return cls(**values)


RECIPES: dict[str, Recipe] = {
    "paper": Recipe(),
    "fast": Recipe(
        batch_size=32,
        iterations=0,
        optimiser="muon",
        learning_rate=1e-3,
        final_learning_rate=1e-5,
        warmup_iterations=500,
        ema_decay=0.999,
        final_exponent=2.0,
    ),
}
"""paper: Section 5.1. fast: for hours instead of weeks; see `docs/training.md` for the runs that chose it."""
