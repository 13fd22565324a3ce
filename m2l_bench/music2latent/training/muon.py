"""Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): momentum whose update matrices are orthogonalised.

`torch.optim.Muon` takes matrices alone; most weights here are convolutions, which are matrices of
(outputs, inputs x kernel).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic Newton-Schulz iteration, from the same source."""


class Muon(torch.optim.Optimizer):
    """For parameters of two or more axes.

    Args:
        lr: of an update scaled to the root mean square that Adam's has (0.2, Liu et al. 2025, arXiv 2502.16982), so
            that learning rates of both are alike.
        momentum: Nesterov.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(parameter)
                buffer = state["momentum_buffer"].lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(buffer, group["momentum"]).flatten(1)
                scale = 0.2 * max(update.shape) ** 0.5
                parameter.add_(orthogonalised(update).view_as(parameter), alpha=-group["lr"] * scale)
        return loss


def orthogonalised(matrix: Tensor, iterations: int = 5) -> Tensor:
    """About the nearest matrix whose singular values are all one, in float32; bfloat16 inside on GPUs."""
    a, b, c = COEFFICIENTS
    x = matrix.to(torch.bfloat16 if matrix.is_cuda else torch.float32)
    tall = x.shape[0] > x.shape[1]
    x = x.mT if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(iterations):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).float()
