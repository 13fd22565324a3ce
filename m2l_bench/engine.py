"""Where scoring happens: worker processes on this machine, a bounded number of clips in flight."""

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
    """The number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_unordered(function: Callable[..., Result], tasks: Iterable[tuple[Any, ...]], jobs: int) -> Iterator[Result]:
    """Call `function(*task)` for each task in worker processes; results come as they finish.

    Tasks are drawn in the caller's thread and at most two a worker wait, so memory does not grow with their number.
    One job runs in this process. Workers are single-threaded: a process a core is faster than threads, and the counts
    add up.
    """
    if jobs == 1:
        for task in tasks:
            yield function(*task)
        return
    # loky is joblib's process pool: unlike multiprocessing's it notices a killed worker and needs no __main__ guard.
    # The reusable executor outlives this call, so the next system finds its workers warm.
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
    """Ctrl-C reaches every process of the terminal; only the main one should answer it."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
