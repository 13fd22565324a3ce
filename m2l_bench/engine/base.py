"""What pipelines ask of an engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Task = tuple[Any, ...]
Work = Callable[[Iterable[Item]], Iterable[Result]]
"""What a process has loaded; it turns items into results."""

KILLED = "its process was killed by a signal (a crash, or no memory left)"
"""Reason of an item that killed its process twice."""


class Engine(ABC):
    """Where the work of a command happens.

    Both methods give results as they finish, draw items in the caller's thread, and keep a bounded number of them in
    flight. Items, functions and results go from process to process, so items are paths and settings where they can be.
    """

    name: str
    device: str
    """Torch device of this process."""
    devices: Sequence[str]
    """Torch devices of the processes that load systems, one for each process, as they are named there."""
    jobs: int
    """Number of tasks that are done at once."""
    here: bool
    """Whether it is this process that loads systems, on `device`."""

    def precision(self, asked: str) -> str:
        """Choose the number type of systems where none is asked for; `auto` is left to the devices of this machine."""
        return asked

    def group(self, items: int, most: int) -> int:
        """Choose how many of `items` a process gets at once: no process waits while another has all that is left.

        Each process has up to two groups, so all of them must have theirs before the items are used up.

        Args:
            most: the largest group.
        """
        return max(1, min(most, items // (2 * len(self.devices))))

    @abstractmethod
    def map(
        self, function: Callable[..., Result], tasks: Iterable[Task], lost: Callable[..., Result] | None = None
    ) -> Iterator[Result]:
        """Call `function(*task)` for each task on the processors.

        Args:
            lost: called with a task that killed its process twice, gives the result in its place; without it that is
                an error.
        """

    @abstractmethod
    def map_on_devices(
        self,
        load: Callable[[str], Work[Item, Result]],
        items: Iterable[Item],
        group: int,
        lost: Callable[[Item], Result],
    ) -> Iterator[Result]:
        """Do items in the processes that load systems.

        Args:
            load: makes the work on a torch device; each process calls it once.
            group: number of items that a process gets at once.
            lost: gives the result of an item that killed its process twice.
        """
