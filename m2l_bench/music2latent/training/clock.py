"""The duration and speed of a training, and the number of steps that fit into the time that is given."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

CALIBRATION = 0.05
"""Share of the time in which the speed is measured."""
FIRST_STEPS = 5
"""Steps that the speed does not count, because of compilation and allocation."""


class Clock:
    """The time of a session.

    Args:
        minutes: limit of this session; None: no limit.
        before: seconds of earlier sessions.
    """

    def __init__(self, minutes: float | None, before: float) -> None:
        self.budget = math.inf if minutes is None else 60 * minutes
        self.before = before
        self.began = time.perf_counter()
        self.steps = 0
        self.speed_began = self.began
        self.paused = 0.0
        """Seconds of pauses since `speed_began`."""
        self.last_pause = 0.0

    def count_step(self) -> None:
        self.steps += 1
        if self.steps == FIRST_STEPS:
            self.speed_began = time.perf_counter()
            self.paused = 0.0

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Leave the time until it is closed out of the speed: a checkpoint, a validation."""
        began = time.perf_counter()
        yield
        self.last_pause = time.perf_counter() - began
        self.paused += self.last_pause

    @property
    def elapsed(self) -> float:
        """Seconds of this session."""
        return time.perf_counter() - self.began

    @property
    def seconds(self) -> float:
        """Seconds of all sessions."""
        return self.before + self.elapsed

    @property
    def measured(self) -> float:
        """Seconds without the first steps and without pauses."""
        return time.perf_counter() - self.speed_began - self.paused if self.steps > FIRST_STEPS else 0.0

    @property
    def speed(self) -> float:
        """Steps per second; 0 until it is known."""
        return (self.steps - FIRST_STEPS) / self.measured if self.measured else 0.0

    @property
    def is_over(self) -> bool:
        return self.elapsed > self.budget

    def steps_that_fit(self, interval: float) -> int:
        """Return the number of steps that fit in the rest of the time; 0 until the speed is known.

        Args:
            interval: seconds from one pause to the next; pauses are expected to last as long as the latest one.
        """
        if self.measured < CALIBRATION * self.budget:
            return 0
        left = self.budget - self.elapsed - self.last_pause  # the last checkpoint
        between = interval / (interval + self.last_pause) if interval + self.last_pause else 1.0
        return max(1, math.floor(left * between * self.speed))
