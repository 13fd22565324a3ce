"""How long work reports its progress, whoever shows it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Progress(Protocol):
    """`start` gives a context whose value is called once for each finished clip."""

    def start(self, name: str, total: int, done: int) -> AbstractContextManager[Callable[[], None]]: ...


class Quiet:
    """Shows nothing."""

    def start(self, name: str, total: int, done: int) -> AbstractContextManager[Callable[[], None]]:
        return nullcontext(lambda: None)
