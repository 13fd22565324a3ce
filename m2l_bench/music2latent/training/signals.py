"""A clean end on SIGTERM and SIGINT."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType


class StopOnSignals:
    """While entered, the first signal sets `asked`; a second one interrupts at once.

    Args:
        on_asked: called at the first signal.
    """

    def __init__(self, on_asked: Callable[[], None]) -> None:
        self.on_asked = on_asked
        self.asked = False

    def __enter__(self) -> StopOnSignals:
        self.before = {number: signal.signal(number, self._ask) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self.on_asked()
