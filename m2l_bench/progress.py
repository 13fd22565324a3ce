"""The interface through which long work reports its progress."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Progress(Protocol):
    """Something that shows how far work has come."""

    def start(self, name: str, total: int, done: int) -> AbstractContextManager[Callable[[], None]]:
        """Give a context whose value is called once for each finished clip.

        Args:
            name: what is being worked on.
            total: number of clips in all.
            done: number of clips that were finished before.
        """
        ...


class Quiet:
    """A progress that shows nothing."""

    def start(self, name: str, total: int, done: int) -> AbstractContextManager[Callable[[], None]]:
        return nullcontext(lambda: None)
