"""The values that change from iteration to iteration."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from m2l_bench.music2latent.consistency import step_size
from m2l_bench.music2latent.training.recipe import Recipe


@dataclass(frozen=True)
class Schedule:
    """Step size and learning rate as functions of `progress`, which goes from 0 to 1.

    Where K is found out on the way, or corrected, progress goes on from its value at that iteration: nothing jumps.
    """

    iterations: int = 0
    """K of Eq. 13; 0: not known yet."""
    decided_at: int = 0
    """Iteration at which K got its present value."""
    progress_then: float = 0.0
    factor_before: float = 0.0
    """Factor of the learning rate when K became known."""
    warmup: float = 0.0
    """Progress at which the factor reaches 1."""

    @classmethod
    def known(cls, iterations: int, recipe: Recipe) -> Schedule:
        """Make the schedule of a given K, or of an unknown one (0); the warm-up is at most a tenth of it."""
        if not iterations:
            return cls()
        return cls(iterations, warmup=min(recipe.warmup_iterations, iterations // 10) / iterations)

    def decide(self, iteration: int, iterations: int, recipe: Recipe) -> Schedule:
        """Return the schedule that ends at `iterations` and has the same values as this one at `iteration`."""
        if self.iterations:
            return replace(self, iterations=iterations, decided_at=iteration, progress_then=self.progress(iteration))
        factor = self.learning_rate_factor(iteration, recipe)
        # It ends at a tenth of the whole, but takes as many iterations again as so far, and at most half of the rest.
        end = min(recipe.warmup_iterations, max(iterations // 10, 2 * iteration))
        warmup = 0.0 if factor == 1 else min(0.5, max(0, end - iteration) / (iterations - iteration))
        return Schedule(iterations, iteration, 0.0, factor, warmup)

    def progress(self, iteration: int) -> float:
        """Return the share that is done; 0 as long as K is not known."""
        if not self.iterations:
            return 0.0
        done = min(1.0, (iteration - self.decided_at) / max(1, self.iterations - self.decided_at))
        return self.progress_then + (1 - self.progress_then) * done

    def step(self, iteration: int, recipe: Recipe) -> float:
        """Return Delta t of Eq. 13."""
        return step_size(self.progress(iteration), 1.0, recipe.initial_step, recipe.final_exponent)

    def learning_rate_factor(self, iteration: int, recipe: Recipe) -> float:
        """Return the factor: linear to 1, then a cosine down to final_learning_rate / learning_rate (Section 5.1)."""
        if not self.iterations:
            return min(1.0, iteration / recipe.warmup_iterations) if recipe.warmup_iterations else 1.0
        progress = self.progress(iteration)
        if progress < self.warmup:
            return self.factor_before + (1 - self.factor_before) * progress / self.warmup
        floor = recipe.final_learning_rate / recipe.learning_rate
        angle = math.pi * (progress - self.warmup) / (1 - self.warmup)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(angle))


def ema_decay(updates: int, recipe: Recipe) -> float:
    """Return the decay of the average at its n-th update, n from 1."""
    return min(recipe.ema_decay, (1 + updates) / (10 + updates))
