"""Standard normal noise: from one random generator, one for each item of a batch, or equal where chunks overlap."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

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


class SharedNoise:
    """Standard normal noise for chunks, equal where they overlap.

    Args:
        shape: (batch, 2, bins) of it.
        draw: shape -> new noise.
        given: (batch, 2, bins, frames) to cut the noise from instead.
    """

    def __init__(
        self, shape: tuple[int, int, int], draw: Callable[[tuple[int, ...]], Tensor], given: Tensor | None
    ) -> None:
        self.shape = shape
        self.draw = draw
        self.given = given
        self.kept: Tensor | None = None
        self.first = 0

    def frames(self, frames: range) -> Tensor:
        """Return (batch, 2, bins, len(frames)); ranges may overlap, but none may begin before the previous one."""
        if self.given is not None:
            return self.given[..., frames.start : frames.stop]
        if self.kept is None:
            self.kept = self.draw((*self.shape, len(frames)))
        else:
            shared = self.kept[..., frames.start - self.first :]
            self.kept = torch.cat([shared, self.draw((*self.shape, len(frames) - shared.shape[-1]))], dim=-1)
        self.first = frames.start
        return self.kept
