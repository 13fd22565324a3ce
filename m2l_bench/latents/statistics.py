"""Mean and standard deviation of each row of latents over all of their frames, to normalise them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
"""One number for each row of latents, (width,)."""


@dataclass(frozen=True)
class Statistics:
    """Statistics of a set of frames, which can be added to those of another set.

    Sums are of deviations from the mean: with sums of squares, digits would be lost where the mean is far from zero
    (Chan, Golub, LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, 1979).
    """

    frames: int
    mean: Vector
    squares: Vector
    """Sum of the squared deviations from the mean."""

    @classmethod
    def of(cls, latents: NDArray[Any]) -> Statistics:
        """Compute the statistics of latents (width, frames)."""
        values = latents.astype(np.float64)
        mean = values.mean(axis=1)
        return cls(values.shape[1], mean, ((values - mean[:, None]) ** 2).sum(axis=1))

    def __add__(self, other: Statistics) -> Statistics:
        frames = self.frames + other.frames
        difference = other.mean - self.mean
        share = other.frames / frames
        squares = self.squares + other.squares + difference**2 * (self.frames * share)
        return Statistics(frames, self.mean + share * difference, squares)

    @property
    def deviation(self) -> Vector:
        """Standard deviation, of the population: the sum is divided by the number of frames."""
        deviation: Vector = np.sqrt(self.squares / self.frames)
        return deviation

    def as_dict(self) -> dict[str, Any]:
        """Convert to plain types for JSON."""
        return {"frames": self.frames, "mean": self.mean.tolist(), "squares": self.squares.tolist()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Statistics:
        """Undo `as_dict`.

        Raises:
            KeyError: a value is missing.
        """
        return cls(int(content["frames"]), np.array(content["mean"]), np.array(content["squares"]))
