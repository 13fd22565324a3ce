"""The probing network of mir_ref (Plachouras et al. 2023), trained for many seeds at once.

Dense layers with ReLU between them; kernels start Glorot-uniform and biases at zero, as in Keras' Dense. Seeds get the
same batches and differ only in their initial weights, which depend only on the seed: a seed gives the same network
alone or among others. The first layer, nearly all of the work, is one matrix product for all seeds.

Axes: seeds, batch, inputs, units, classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor


class SeedStack:
    """Networks of equal shape side by side.

    Args:
        widths: number of inputs, units of each hidden layer, and classes.
        seeds: random seeds of the initial weights, one per network.
        multilabel: whether outputs are independent (sigmoid) or classes exclude each other (softmax).
    """

    def __init__(self, widths: Sequence[int], seeds: Sequence[int], multilabel: bool, device: str = "cpu") -> None:
        self.widths = tuple(widths)
        self.multilabel = multilabel
        kernels_by_seed = [_initial_kernels(widths, seed) for seed in seeds]
        kernels = [torch.stack(layer) for layer in zip(*kernels_by_seed, strict=True)]
        first = kernels[0].permute(1, 0, 2).flatten(1)
        # (inputs, seeds * units); then (seeds, inputs, units) for each further layer; then (seeds, 1, units) biases.
        self.parameters = [
            tensor.contiguous().to(device).requires_grad_()
            for tensor in (first, *kernels[1:], *(torch.zeros(len(seeds), 1, width) for width in widths[1:]))
        ]

    @property
    def seeds(self) -> int:
        return self.parameters[-1].shape[0]

    @property
    def kernels(self) -> list[Tensor]:
        return self.parameters[: len(self.widths) - 1]

    @property
    def biases(self) -> list[Tensor]:
        return self.parameters[len(self.widths) - 1 :]

    def logits(self, x: Tensor) -> Tensor:
        """Compute logits (seeds, batch, classes) of inputs (batch, inputs)."""
        return self._from_first_product(x @ self.kernels[0])

    def probabilities(self, x: Tensor) -> Tensor:
        """Compute probabilities (seeds, batch, classes) of inputs (batch, inputs)."""
        with torch.no_grad():
            logits = self.logits(x)
            return logits.sigmoid() if self.multilabel else logits.softmax(dim=-1)

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """Compute the cross-entropy of each seed, (seeds,), as the mean over the batch (and over tags).

        Args:
            target: (batch,) whole numbers, or (batch, tags) zeros and ones.
        """
        count = len(logits)
        if self.multilabel:
            return (
                F.binary_cross_entropy_with_logits(logits, target.expand_as(logits), reduction="none")
                .flatten(1)
                .mean(dim=1)
            )
        return F.cross_entropy(logits.flatten(0, 1), target.repeat(count), reduction="none").view(count, -1).mean(dim=1)

    def penalties(self, l2: float) -> Tensor:
        """Compute `l2` times the sum of squares of all weights and biases of each seed, (seeds,), as Keras does."""
        with torch.no_grad():
            first, *others = self.parameters
            squares = first.square().sum(dim=0).view(self.seeds, -1).sum(dim=1)
            return l2 * sum((tensor.square().flatten(1).sum(dim=1) for tensor in others), start=squares)

    def backward(self, x: Tensor, target: Tensor) -> Tensor:
        """Compute the losses (seeds,) of a batch, without penalties, and their gradients, in `grad` of the parameters.

        The gradient of the first layer is computed by hand: its input needs none, and its memory is used again.
        """
        kernel = self.kernels[0]
        for parameter in self.parameters[1:]:
            parameter.grad = None
        with torch.no_grad():
            product = x @ kernel
        product.requires_grad_()
        losses = self.losses(self._from_first_product(product), target)
        torch.autograd.backward(losses.sum())
        assert product.grad is not None
        if kernel.grad is None or kernel.grad.shape != kernel.shape:
            kernel.grad = torch.empty_like(kernel)
        torch.mm(x.T, product.grad, out=kernel.grad)
        return losses.detach()

    def part(self, tensor: Tensor, index: int, seeds: Tensor) -> Tensor:
        """Copy what belongs to some seeds from a tensor shaped like parameter number `index`.

        Args:
            seeds: positions of the seeds in the stack.
        """
        if index == 0:
            return self._by_seed(tensor)[:, seeds].flatten(1).contiguous()
        return tensor[seeds].contiguous()

    def put(self, tensor: Tensor, index: int, seeds: Tensor, part: Tensor) -> None:
        """Write what belongs to some seeds into a tensor; the inverse of `part`."""
        if index == 0:
            self._by_seed(tensor)[:, seeds] = self._by_seed(part)
        else:
            tensor[seeds] = part

    def _by_seed(self, tensor: Tensor) -> Tensor:
        """View (any, seeds * units) as (any, seeds, units)."""
        return tensor.view(len(tensor), -1, self.widths[1])

    def _from_first_product(self, product: Tensor) -> Tensor:
        """Compute logits (seeds, batch, classes) from the first product (batch, seeds * units), without bias."""
        first_bias, *biases = self.biases
        h = self._by_seed(product).transpose(0, 1) + first_bias
        for kernel, bias in zip(self.kernels[1:], biases, strict=True):
            h = torch.baddbmm(bias, F.relu(h), kernel)
        return h


def _initial_kernels(widths: Sequence[int], seed: int) -> list[Tensor]:
    """Draw kernels uniformly within the square root of 6 / (inputs + units) (Glorot and Bengio 2010)."""
    generator = torch.Generator().manual_seed(seed)
    kernels = []
    for inputs, units in pairwise(widths):
        limit = math.sqrt(6 / (inputs + units))
        kernels.append(torch.empty(inputs, units).uniform_(-limit, limit, generator=generator))
    return kernels
