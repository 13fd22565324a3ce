"""One process for each of several devices on this machine, with a bounded number of items in flight."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from m2l_bench.engine.base import Item, Result, Work
from m2l_bench.engine.workers import SINGLE_THREADED, default_jobs, prepare_worker

_loaded: Any = None


def map_on_devices(
    load: Callable[[str], Work[Item, Result]],
    items: Iterable[Item],
    devices: Sequence[str],
    group: int,
    lost: Callable[[Item], Result],
) -> Iterator[Result]:
    """Do items in one process per device, and give results as they finish.

    Items, results and `load` go from process to process, so items are paths and settings. Each process has up to two
    groups of items at a time. When a signal kills a process (a segmentation fault, or the system when memory runs out),
    its items are done again one at a time, to find the one that kills.

    Args:
        load: makes the work on a torch device; each process calls it once.
        group: number of items that a process gets at once.
        lost: gives the result of an item that killed its process twice.
    """
    from concurrent.futures import FIRST_COMPLETED, Future, wait
    from concurrent.futures.process import BrokenProcessPool

    rest = iter(items)
    pools: dict[int, Any] = {}
    # Two entries in `devices` may be equal, so a process goes by its number.
    pending: dict[Future[list[Result]], tuple[int, list[Item]]] = {}

    def submit(number: int, items: list[Item]) -> Future[list[Result]]:
        device = devices[number]
        if number not in pools:
            pools[number] = _pool(len(devices))
        future: Future[list[Result]] = pools[number].submit(_work, load, device, items)
        return future

    def fill(number: int) -> None:
        while sum(owner == number for owner, _ in pending.values()) < 2:
            items = list(itertools.islice(rest, group))
            if not items:
                return
            pending[submit(number, items)] = (number, items)

    def one_at_a_time(number: int, items: Iterable[Item]) -> Iterator[Result]:
        for item in items:
            try:
                yield from submit(number, [item]).result()
            except BrokenProcessPool:
                del pools[number]
                yield lost(item)

    try:
        for number in range(len(devices)):
            fill(number)
        while pending:
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                if future not in pending:
                    continue
                number, items = pending.pop(future)
                try:
                    yield from future.result()
                except BrokenProcessPool:
                    del pools[number]
                    others = [other for other, (owner, _) in pending.items() if owner == number]
                    for other in others:
                        items = items + pending.pop(other)[1]
                    yield from one_at_a_time(number, items)
                fill(number)
    finally:
        for pool in pools.values():
            pool.shutdown(wait=True, kill_workers=True)


def _pool(count: int) -> Any:
    from loky import ProcessPoolExecutor

    threads = str(max(1, default_jobs() // count))
    return ProcessPoolExecutor(1, env=dict.fromkeys(SINGLE_THREADED, threads), initializer=prepare_worker)


def _work(load: Callable[[str], Work[Item, Result]], device: str, items: list[Item]) -> list[Result]:
    """Do items in this process, which loads its work with the first of them."""
    global _loaded
    if _loaded is None:
        _loaded = load(device)
    return list(_loaded(items))
