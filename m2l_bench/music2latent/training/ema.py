"""The exponential moving average of weights, which is evaluated and published."""

from __future__ import annotations

import copy

import torch

from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.private_apis import foreach_lerp_
from m2l_bench.music2latent.training.recipe import Recipe
from m2l_bench.music2latent.training.schedules import ema_decay


class Average:
    """A second copy of networks whose parameters follow those of the first."""

    def __init__(self, module: Networks, updates: int = 0) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.updates = updates
        self._parameters: list[torch.Tensor] = list(self.module.parameters())

    @torch.no_grad()
    def update(self, module: Networks, recipe: Recipe) -> None:
        self.updates += 1
        weight = 1 - ema_decay(self.updates, recipe)
        foreach_lerp_(self._parameters, list(module.parameters()), weight)
