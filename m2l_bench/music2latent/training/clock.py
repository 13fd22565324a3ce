"""How long training took, how fast it is, and what fits into the time that is given."""

from __future__ import annotations

import math
import time

CALIBRATION = 0.05
"""Share of the time after which the speed is known well enough."""
FIRST_STEPS = 5
"""Not counted in the speed: compilation, allocation."""


class Clock:
    """
    Args:
        minutes: that this session may take; None: no limit.
        before: seconds of earlier sessions.
    """

    def __init__(self, minutes: float | None, before: float) -> None:
        self.budget = math.inf if minutes is None else 60 * minutes
        self.before = before
        self.began = time.perf_counter()
        self.steps = 0
        self.speed_began = self.began

    def count_step(self) -> None:
        self.steps += 1
        if self.steps == FIRST_STEPS:
            self.speed_began = time.perf_counter()

    @property
    def elapsed(self) -> float:
        """Seconds of this session."""
        return time.perf_counter() - self.began

    @property
    def seconds(self) -> float:
        """Of all sessions."""
        return self.before + self.elapsed

    @property
    def speed(self) -> float:
        """Steps a second; 0 until it is known."""
        if self.steps <= FIRST_STEPS:
            return 0.0
        return (self.steps - FIRST_STEPS) / (time.perf_counter() - self.speed_began)

    @property
    def is_over(self) -> bool:
        return self.elapsed > self.budget

    def steps_that_fit(self) -> int:
        """In the rest of the time, a twentieth of it left for checkpoints; 0 until the speed is known."""
        if not self.speed or self.elapsed < CALIBRATION * self.budget:
            return 0
        return max(1, math.floor(0.95 * (self.budget - self.elapsed) * self.speed))
