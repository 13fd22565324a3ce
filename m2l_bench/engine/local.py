"""The engine of this machine: worker processes for its cores, and a process for each of several devices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from m2l_bench.engine.base import Engine, Item, Result, Task, Work
from m2l_bench.engine.devices import map_on_devices
from m2l_bench.engine.workers import map_unordered


class LocalEngine(Engine):
    """An engine on this machine.

    Args:
        devices: torch devices; a single one is used by this process itself.
        jobs: number of worker processes.
    """

    name = "local"

    def __init__(self, devices: Sequence[str], jobs: int) -> None:
        self.device, self.devices, self.jobs = devices[0], devices, jobs
        self.here = len(devices) == 1

    def map(
        self, function: Callable[..., Result], tasks: Iterable[Task], lost: Callable[..., Result] | None = None
    ) -> Iterator[Result]:
        """Call a function for each task in worker processes, no more of them than there are tasks in a list."""
        jobs = min(self.jobs, max(1, len(tasks))) if isinstance(tasks, list) else self.jobs
        return map_unordered(function, tasks, jobs, lost)

    def map_on_devices(
        self,
        load: Callable[[str], Work[Item, Result]],
        items: Iterable[Item],
        group: int,
        lost: Callable[[Item], Result],
    ) -> Iterator[Result]:
        """Do items in one process for each device."""
        return map_on_devices(load, items, self.devices, group, lost)
