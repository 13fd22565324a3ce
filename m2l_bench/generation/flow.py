"""Flow matching: the loss of a velocity, and samples by following it.

Latents move on straight lines from noise, at time 0, to music, at time 1 (Lipman et al., Flow Matching for Generative
Modeling, ICLR 2023; Liu et al., Flow Straight and Fast, ICLR 2023):

    x_t = (1 - t) noise + t data,    velocity = data - noise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from m2l_bench.generation.card import TimeDistribution

Velocity = Callable[[Tensor, Tensor], Tensor]
"""Maps latents (batch, width, frames) and times (batch,) to velocities of the latents' shape."""


def draw_times(count: int, times: TimeDistribution, generator: torch.Generator) -> Tensor:
    """Draw logit-normal times, (count,)."""
    return torch.sigmoid(times.mean + times.deviation * torch.randn(count, generator=generator))


def flow_loss(velocity: Velocity, data: Tensor, noise: Tensor, times: Tensor) -> Tensor:
    """Compute the mean squared error of the velocity between noise and data, both (batch, width, frames).

    Args:
        times: (batch,).
    """
    t = times[:, None, None]
    error = velocity((1 - t) * noise + t * data, times) - (data - noise)
    return error.square().mean()


@torch.no_grad()
def follow(velocity: Velocity, noise: Tensor, steps: int, sampler: Literal["euler", "heun"]) -> Tensor:
    """Follow the velocity from noise (batch, width, frames) at time 0 to latents at time 1.

    Args:
        steps: equal steps of time.
        sampler: `euler`, of first order, or `heun`, of second order with twice the work.
    """
    x, length = noise, 1 / steps
    for step in range(steps):
        times = torch.full((len(x),), step * length, device=x.device)
        slope = velocity(x, times)
        if sampler == "heun":
            slope = (slope + velocity(x + length * slope, times + length)) / 2
        x = x + length * slope
    return x
