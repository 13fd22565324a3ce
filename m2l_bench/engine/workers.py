"""Worker processes on this machine, with a bounded number of tasks in flight."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from m2l_bench.engine.base import Result, Task

Entry = TypeVar("Entry")

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


def drain(items: list[Entry]) -> Iterator[Entry]:
    """Yield the items that others have put into a list, the first one first, and remove them."""
    while items:
        yield items.pop(0)


def default_jobs() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_unordered(
    function: Callable[..., Result],
    tasks: Iterable[Task],
    jobs: int,
    lost: Callable[..., Result] | None = None,
) -> Iterator[Result]:
    """Call `function(*task)` for each task in worker processes, and give results as they finish.

    Tasks are drawn in the caller's thread, and at most two per worker wait, so memory does not grow with their number.
    One job runs in this process. Workers are single-threaded: one process per core is faster than threads, and the
    counts add up. A worker that a signal kills (a segmentation fault, or the system when memory runs out) takes the
    other workers with it; their tasks are then done again one at a time, to find the one that kills.

    Args:
        lost: called with a task that killed its worker twice, gives the result in its place; without it that is an
            error.
    """
    if jobs == 1:
        for task in tasks:
            yield function(*task)
        return
    from concurrent.futures import FIRST_COMPLETED, Future, wait
    from concurrent.futures.process import BrokenProcessPool

    pending: dict[Future[Result], Task] = {}

    def finished(least: int) -> Iterator[Result]:
        while len(pending) > least:
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            broken = []
            for future in done:
                task = pending.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    broken.append(task)
            if broken:
                broken += pending.values()
                pending.clear()
                yield from _one_at_a_time(function, broken, lost)

    try:
        for task in tasks:
            pending[_submit(jobs, function, task)] = task
            yield from finished(2 * jobs - 1)
        yield from finished(0)
    finally:
        if pending:
            _executor(jobs).shutdown(wait=True, kill_workers=True)


def _one_at_a_time(
    function: Callable[..., Result], tasks: Iterable[Task], lost: Callable[..., Result] | None
) -> Iterator[Result]:
    """Do tasks one by one in a worker of their own, since one or more of them kills its worker."""
    from concurrent.futures.process import BrokenProcessPool

    for task in tasks:
        try:
            result = _submit(1, function, task).result()
        except BrokenProcessPool:
            if lost is None:
                raise
            result = lost(*task)
        yield result


def _submit(jobs: int, function: Callable[..., Result], task: Task) -> Any:
    """Hand a task to the workers; new ones if the old ones were killed."""
    from concurrent.futures.process import BrokenProcessPool

    try:
        return _executor(jobs).submit(function, *task)
    except BrokenProcessPool:
        return _executor(jobs).submit(function, *task)


def _executor(jobs: int) -> Any:
    # loky is joblib's process pool: unlike multiprocessing's it notices a killed worker and needs no __main__ guard.
    # The reusable executor outlives one call, so that the next system finds its workers warm.
    from loky import get_reusable_executor

    return get_reusable_executor(jobs, env=SINGLE_THREADED, initializer=prepare_worker)


def prepare_worker() -> None:
    """Leave Ctrl-C, which reaches every process of the terminal, to the main process; end when that has ended."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
