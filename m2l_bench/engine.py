"""Scoring in worker processes on this machine, with a bounded number of clips in flight."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

Result = TypeVar("Result")

SINGLE_THREADED = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    ),
    "1",
)


def default_jobs() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_unordered(function: Callable[..., Result], tasks: Iterable[tuple[Any, ...]], jobs: int) -> Iterator[Result]:
    """Call `function(*task)` for each task in worker processes and yield the results as they finish.

    Tasks are taken from the iterable in the caller's thread, and at most two tasks per worker wait, so memory does not
    grow with their number. With one job everything runs in this process. Workers are single-threaded: one process per
    core is faster than threads, and more threads than cores would slow each other down.
    """
    if jobs == 1:
        for task in tasks:
            yield function(*task)
        return
    # loky is joblib's process pool: unlike multiprocessing's, it notices a killed worker and needs no __main__ guard.
    # The reusable executor outlives this call, so the next system starts with running workers.
    from concurrent.futures import FIRST_COMPLETED, Future, wait

    from loky import get_reusable_executor

    executor = get_reusable_executor(jobs, env=SINGLE_THREADED, initializer=_ignore_interrupt)
    pending: set[Future[Result]] = set()
    try:
        for task in tasks:
            pending.add(executor.submit(function, *task))
            if len(pending) >= 2 * jobs:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        if pending:
            executor.shutdown(wait=True, kill_workers=True)


def _ignore_interrupt() -> None:
    """Ignore Ctrl-C: it reaches every process of the terminal, and only the main one should react."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
