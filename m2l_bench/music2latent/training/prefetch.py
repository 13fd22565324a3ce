"""Batches drawn in another thread, a few iterations ahead."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from m2l_bench.music2latent.training.objective import Batch

ITERATIONS = 4
"""Iterations that are drawn ahead."""


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
