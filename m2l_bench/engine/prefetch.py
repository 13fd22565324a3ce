"""Work in threads, ahead of the caller that needs its results."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

READERS = 4
"""Threads that read and resample clips for a GPU, which is faster than one of them."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetched(
    function: Callable[[Item], Result], items: Iterable[Item], ahead: int, threads: int = 1
) -> Iterator[Future[Result]]:
    """Call `function` for each item in threads, and give the results in the order of the items, as futures.

    Args:
        ahead: number of results that are made, or in the making, beyond the one that the caller has.
    """
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > ahead:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
