"""Consoles, tables and progress bars. Results go to stdout, the rest to stderr; bars move only in a terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from m2l_bench.console.status import STATUS
from m2l_bench.progress import Quiet

if TYPE_CHECKING:
    from m2l_bench.music2latent.training.settings import Status

__all__ = ["ProgressBars", "TrainingBar", "column_parts", "escape", "lines", "make_consoles", "print_json", "table"]


def make_consoles(color: bool) -> tuple[Console, Console]:
    """Make the consoles for results (stdout) and for messages (stderr). NO_COLOR switches colours off as well."""
    return (
        Console(no_color=not color or None, highlight=False),
        Console(no_color=not color or None, highlight=False, stderr=True),
    )


def table(title: str, head: list[str], rows: list[list[str]], rule: int | None = None, narrow: bool = False) -> Table:
    """Make a table of plain text, in which nothing is interpreted as markup; columns of numbers are right-aligned.

    Where the terminal is too narrow, cells wrap and nothing is cut; names, in the first column, never wrap.

    Args:
        rule: number of rows above a rule; None: there is no rule.
        narrow: make columns as narrow as their words or, where cells have several lines, as these lines.
    """
    result = Table(title=escape(title) if title else None, title_justify="left")
    for i, name in enumerate(head):
        justify: Literal["left", "right"] = "right" if _has_only_numbers(i, rows) else "left"
        width = _least_width(i, head, rows) if narrow else None
        result.add_column(escape(name), justify=justify, no_wrap=i == 0, overflow="fold", width=width)
    for number, row in enumerate(rows, start=1):
        result.add_row(*map(escape, row), end_section=number == rule)
    return result


def column_parts(head: list[str], rows: list[list[str]], width: int) -> list[list[int]]:
    """Split the columns into parts that fit into `width` without a word being cut; each part has the first column."""
    parts = [[0]]
    for column in range(1, len(head)):
        widths = [3 + _least_width(other, head, rows) for other in [*parts[-1], column]]
        if len(parts[-1]) > 1 and sum(widths) + 1 > width:
            parts.append([0])
        parts[-1].append(column)
    return parts


def _least_width(column: int, head: list[str], rows: list[list[str]]) -> int:
    """Width of the longest part of a cell that must not be broken: a name, a line, or a word of a single line."""
    cells = [head[column], *(row[column] for row in rows)]
    if column == 0:
        return max(map(cell_len, cells))
    parts = [part for cell in cells for part in (cell.split("\n") if "\n" in cell else cell.split())]
    return max(map(cell_len, parts), default=0)


def lines(title: str, head: list[str], rows: list[list[str]]) -> str:
    """Write a table without a frame, one line per row, as wide as its content: for many columns, and for `grep`."""
    widths = [max(cell_len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    right_aligned = [_has_only_numbers(i, rows) for i in range(len(head))]

    def line(row: list[str]) -> str:
        spaces = [" " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        cells = [
            space + cell if right else cell + space
            for cell, space, right in zip(row, spaces, right_aligned, strict=True)
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([title, *map(line, (head, *rows))])


def _has_only_numbers(column: int, rows: list[list[str]]) -> bool:
    """Whether a column other than the first holds only numbers and empty cells."""
    return column > 0 and all(not row[column] or row[column][0] in "0123456789-∞" for row in rows)


def print_json(content: Any) -> None:
    """Print JSON on stdout.

    Raises:
        ValueError: the content has NaN or infinity, which JSON does not know.
    """
    has_all_characters = (sys.stdout.encoding or "").lower().startswith("utf")
    print(json.dumps(content, indent=2, ensure_ascii=not has_all_characters, allow_nan=False))


LINE_SECONDS = 60
"""Time between two lines of progress where there is no terminal."""
WORTH_A_LINE_SECONDS = 5
"""Work that took less than this leaves no line."""


class Lines:
    """The time of work that shows its progress as lines, because there is no terminal."""

    def __init__(self) -> None:
        self.started = self.printed = self.now = time.monotonic()

    def is_due(self) -> bool:
        """Tell whether a minute has passed since the last line; if so, it begins anew."""
        self.now = time.monotonic()
        if self.now - self.printed < LINE_SECONDS:
            return False
        self.printed = self.now
        return True

    @property
    def seconds(self) -> float:
        """Seconds from the start to the last question."""
        return self.now - self.started


class ProgressBars(Quiet):
    """One bar per system: clips done, time spent, time left. Without a terminal, one line per system and minute.

    Args:
        transient: whether a bar goes away when its work is done.
    """

    def __init__(self, console: Console, transient: bool = False) -> None:
        self.console = console
        self.transient = transient

    @contextmanager
    def start(self, name: str, total: int, done: int) -> Iterator[Callable[[], None]]:
        note = STATUS.begin(name, total, done)
        with self._shown(name, total, done) as advance:

            def advance_both() -> None:
                advance()
                note()

            yield advance_both

    @contextmanager
    def _shown(self, name: str, total: int, done: int) -> Iterator[Callable[[], None]]:
        if not self.console.is_terminal:
            yield from self._lines(name, total, done)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, transient=self.transient) as progress:
            task = progress.add_task(escape(self.label(name)), total=total, completed=done)
            yield lambda: progress.advance(task)

    def label(self, name: str) -> str:
        """Text before the bar of `name`."""
        return name

    def _lines(self, name: str, total: int, done: int) -> Iterator[Callable[[], None]]:
        lines = Lines()
        finished = done

        def advance() -> None:
            nonlocal finished
            finished += 1
            if lines.is_due():
                left = lines.seconds / (finished - done) * (total - finished)
                self._print(f"{name}: {finished} of {total}, {lines.seconds:.0f} s, about {left:.0f} s left")

        yield advance
        lines.is_due()
        if lines.seconds >= WORTH_A_LINE_SECONDS:
            self._print(f"{name}: {finished} of {total}, {lines.seconds:.0f} s")

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, soft_wrap=True)


class DownloadBar:
    """Downloaded bytes of one file. Without a terminal, one line per minute."""

    def __init__(self, console: Console, name: str) -> None:
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.name = name
        self.console = console
        self.lines = Lines()

    def __enter__(self) -> DownloadBar:
        self.progress.start()
        self.task = self.progress.add_task(escape(self.name), total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def advance(self, downloaded: int, total: int | None) -> None:
        """Show this many bytes of `total`, which is None if the size is unknown."""
        self.progress.update(self.task, completed=downloaded, total=total)
        if not self.console.is_terminal and self.lines.is_due():
            whole = f" of {total / 1e6:,.0f}" if total else ""
            self.console.print(f"{self.name}: {downloaded / 1e6:,.0f}{whole} MB", markup=False, soft_wrap=True)


class TrainingBar:
    """Iterations, loss, speed and time left of a training run; messages are printed as lines above the bar.

    Without a terminal, one line per minute.

    Args:
        visible: whether this process prints at all; in a training of several processes only one does.
    """

    def __init__(self, console: Console, visible: bool = True) -> None:
        self.console = console
        self.visible = visible
        self.lines = Lines()
        self.progress = Progress(
            TextColumn("train"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.4g}, {task.fields[speed]:.2f} steps/s"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not (visible and console.is_terminal),
        )

    def __enter__(self) -> TrainingBar:
        self.progress.start()
        self.task = self.progress.add_task("", total=None, loss=float("nan"), speed=0.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def status(self, status: Status) -> None:
        """Show the state of the training."""
        self.progress.update(
            self.task,
            completed=status.iteration,
            total=status.iterations or None,
            loss=status.loss,
            speed=status.steps_per_second,
        )
        if not self.console.is_terminal and self.lines.is_due():
            whole = f" of {status.iterations:,}" if status.iterations else ""
            self.message(
                f"iteration {status.iteration:,}{whole}: loss {status.loss:.4g}, {status.steps_per_second:.2f} steps/s"
            )

    def message(self, text: str) -> None:
        """Print a line above the bar."""
        if self.visible:
            self.console.print(text, markup=False, soft_wrap=True)
