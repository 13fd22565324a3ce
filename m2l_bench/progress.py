"""The interface through which long work reports its progress."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from m2l_bench.probing.pipeline import ProbePlan
    from m2l_bench.reconstruction.pipeline import Outcome
    from m2l_bench.reconstruction.plan import Plan


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

    def planned(self, plan: Plan | ProbePlan) -> None:
        """Take note of what is going to be measured."""
        ...

    def measured(self, outcome: Outcome) -> None:
        """Take note of the result of one system of a reconstruction."""
        ...


class EncodingProgress(Protocol):
    """Something that shows how far the encoding of a collection has come."""

    def files(self, total: int, done: int) -> AbstractContextManager[Callable[[str, float, str], None]]:
        """Give a context whose value is called for each file: its id, the seconds of its audio, why it failed, or "".

        Args:
            total: number of files in all.
            done: number of files that were encoded before.
        """
        ...


class Quiet:
    """A progress that shows nothing."""

    def start(self, name: str, total: int, done: int) -> AbstractContextManager[Callable[[], None]]:
        return nullcontext(lambda: None)

    def planned(self, plan: Plan | ProbePlan) -> None:
        pass

    def measured(self, outcome: Outcome) -> None:
        pass
