"""Standard normal noise from one random generator, or from one for each item of a batch."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

Generators = Generator | Sequence[Generator]
"""One generator for a whole batch, or one for each item. Neighbouring items may share theirs."""


def draw_noise(shape: Sequence[int], generator: Generators | None, device: torch.device) -> Tensor:
    """Draw standard normal noise of `shape`, whose first axis is the batch.

    Neighbours that share a generator get what it gives for a batch of them alone, whatever the other items are.

    Args:
        generator: draws on its own device; None: PyTorch's global generator of `device`.
    """
    if generator is None or isinstance(generator, Generator):
        place = device if generator is None else generator.device
        return torch.randn(tuple(shape), generator=generator, device=place)
    groups = [list(group) for _, group in itertools.groupby(generator, key=id)]
    return torch.cat([draw_noise((len(group), *shape[1:]), group[0], device) for group in groups])
