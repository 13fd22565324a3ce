"""The batches of one process, drawn in another thread, a few iterations ahead."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

import torch

from m2l_bench.music2latent.training.corpus import Mixture
from m2l_bench.music2latent.training.objective import Batch

ITERATIONS = 4
"""Iterations that are drawn ahead."""


@dataclass(frozen=True)
class Share:
    """One process's share of each iteration's crops."""

    mixture: Mixture
    process: int
    """Its number, from 0."""
    processes: int
    batches: int
    """Batches in an iteration, of this process."""
    crops: int
    """Crops in a batch."""
    device: torch.device

    def draw(self, iteration: int) -> list[Batch]:
        """Draw the batches of an iteration, in memory from which the device copies by itself."""
        first = (iteration * self.processes + self.process) * self.batches * self.crops
        starts = range(first, first + self.batches * self.crops, self.crops)
        batches = [Batch.of([self.mixture.crop(start + item) for item in range(self.crops)]) for start in starts]
        if self.device.type != "cuda":
            return batches
        with torch.cuda.device(self.device):  # this thread would set up the first GPU otherwise
            return [batch.pinned() for batch in batches]


class Prefetcher:
    """Batches of one iteration after the other.

    Args:
        draw: iteration -> its batches.
        iteration: the first one.
    """

    def __init__(self, draw: Callable[[int], list[Batch]], iteration: int) -> None:
        self.draw = draw
        self.iteration = iteration
        self.pool = ThreadPoolExecutor(1)
        self.waiting: list[Future[list[Batch]]] = []

    def __enter__(self) -> Prefetcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pool.shutdown(cancel_futures=True)

    def restart(self, iteration: int) -> None:
        """Go on from another iteration."""
        for batches in self.waiting:
            batches.cancel()
        self.waiting.clear()
        self.iteration = iteration

    def next(self) -> list[Batch]:
        while len(self.waiting) < ITERATIONS:
            self.waiting.append(self.pool.submit(self.draw, self.iteration))
            self.iteration += 1
        return self.waiting.pop(0).result()
