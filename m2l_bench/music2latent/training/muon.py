"""Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): momentum whose update matrices are orthogonalised.

`torch.optim.Muon` takes matrices alone; most weights here are convolutions, which are matrices of
(outputs, inputs x kernel). Matrices of one shape are orthogonalised by one batched product.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from m2l_bench.music2latent.private_apis import foreach_add_, foreach_lerp, foreach_lerp_

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic Newton-Schulz iteration, from the same source."""


class Muon(torch.optim.Optimizer):
    """The optimiser, for parameters of two or more axes.

    Args:
        lr: learning rate. Updates are scaled to the root mean square of Adam's (0.2, Liu et al. 2025, arXiv
            2502.16982), so that one learning rate suits both.
        momentum: Nesterov momentum.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = None if closure is None else closure()
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            gradients = [parameter.grad for parameter in parameters]
            buffers = [self._buffer(parameter) for parameter in parameters]
            if not parameters:
                continue
            foreach_lerp_(buffers, gradients, 1 - group["momentum"])
            updates = foreach_lerp(gradients, buffers, group["momentum"])
            by_shape: defaultdict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for parameter, update in zip(parameters, updates, strict=True):
                matrix = update.flatten(1)
                by_shape[matrix.shape].append((parameter, matrix))
            for shape, members in by_shape.items():
                matrices = orthogonalised(torch.stack([matrix for _, matrix in members]))
                moved = [parameter for parameter, _ in members]
                steps = [matrix.view_as(parameter) for parameter, matrix in zip(moved, matrices, strict=True)]
                foreach_add_(moved, steps, alpha=-group["lr"] * 0.2 * max(shape) ** 0.5)
        return loss

    def _buffer(self, parameter: Tensor) -> Tensor:
        """Return the momentum of a parameter."""
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        buffer: Tensor = state["momentum_buffer"]
        return buffer


def orthogonalised(matrices: Tensor, iterations: int = 5) -> Tensor:
    """Return about the nearest matrices whose singular values are all one, in float32; bfloat16 inside on GPUs.

    Args:
        matrices: (rows, columns), or (count, rows, columns): one product for all of them.
    """
    a, b, c = COEFFICIENTS
    x = matrices.to(torch.bfloat16 if matrices.is_cuda else torch.float32)
    x = x[None] if matrices.dim() == 2 else x
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for _ in range(iterations):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).float().reshape(matrices.shape)
