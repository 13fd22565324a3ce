"""What changes from iteration to iteration, besides the step size of Eq. 13."""

from __future__ import annotations

import math

from m2l_bench.music2latent.training.recipe import Recipe


def learning_rate_factor(iteration: int, iterations: int, recipe: Recipe) -> float:
    """Linear warm-up to 1, then a cosine down to final_learning_rate / learning_rate (Section 5.1)."""
    if iteration < recipe.warmup_iterations:
        return iteration / recipe.warmup_iterations
    floor = recipe.final_learning_rate / recipe.learning_rate
    left = max(1, iterations - recipe.warmup_iterations)
    progress = min(1.0, (iteration - recipe.warmup_iterations) / left)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def ema_decay(updates: int, recipe: Recipe) -> float:
    """Decay of the average at its n-th update, n from 1."""
    return min(recipe.ema_decay, (1 + updates) / (10 + updates))
