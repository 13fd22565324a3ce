"""What changes from iteration to iteration."""

from __future__ import annotations

import math

from m2l_bench.music2latent.consistency import step_size
from m2l_bench.music2latent.training.recipe import Recipe


def current_step(iteration: int, iterations: int, recipe: Recipe) -> float:
    """Delta t of Eq. 13 at an iteration; at its largest as long as K is not known (0)."""
    if not iterations:
        return recipe.initial_step
    return step_size(min(iteration, iterations), iterations, recipe.initial_step, recipe.final_exponent)


def learning_rate_factor(iteration: int, iterations: int, recipe: Recipe) -> float:
    """Linear warm-up to 1, then a cosine down to final_learning_rate / learning_rate (Section 5.1).

    The warm-up is at most a tenth of the whole; as long as the whole is not known (0), the cosine does not begin.
    """
    warmup = min(recipe.warmup_iterations, iterations // 10) if iterations else recipe.warmup_iterations
    if iteration < warmup:
        return iteration / warmup
    floor = recipe.final_learning_rate / recipe.learning_rate
    progress = min(1.0, (iteration - warmup) / max(1, iterations - warmup)) if iterations else 0.0
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def ema_decay(updates: int, recipe: Recipe) -> float:
    """Decay of the average at its n-th update, n from 1."""
    return min(recipe.ema_decay, (1 + updates) / (10 + updates))
