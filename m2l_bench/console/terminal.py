"""What a person sees: results on stdout, the rest on stderr, and nothing that moves when it is not a terminal."""

from __future__ import annotations

import json
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

if TYPE_CHECKING:
    from m2l_bench.music2latent.training.loop import Status

__all__ = ["ProgressBars", "TrainingBar", "escape", "lines", "make_consoles", "print_json", "table"]


def make_consoles(color: bool) -> tuple[Console, Console]:
    """Console for results (stdout) and for messages (stderr). NO_COLOR is honoured as well."""
    return (
        Console(no_color=not color or None, highlight=False),
        Console(no_color=not color or None, highlight=False, stderr=True),
    )


def table(title: str, head: list[str], rows: list[list[str]]) -> Table:
    """A table of plain text: nothing in it is taken for markup. Numbers stand right.

    Where it is too narrow the other columns wrap: names, in the first, stay whole, and nothing is cut.
    """
    result = Table(title=escape(title) if title else None, title_justify="left")
    for i, name in enumerate(head):
        justify: Literal["left", "right"] = "right" if _is_of_numbers(i, rows) else "left"
        result.add_column(escape(name), justify=justify, no_wrap=i == 0, overflow="fold")
    for row in rows:
        result.add_row(*map(escape, row))
    return result


def lines(title: str, head: list[str], rows: list[list[str]]) -> str:
    """A table as lines without a frame, a line a row, as wide as its content: for many columns, and for `grep`."""
    widths = [max(cell_len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    right = [_is_of_numbers(i, rows) for i in range(len(head))]

    def line(row: list[str]) -> str:
        spaces = [" " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        cells = [
            space + cell if of_numbers else cell + space
            for cell, space, of_numbers in zip(row, spaces, right, strict=True)
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([title, *map(line, (head, *rows))])


def _is_of_numbers(column: int, rows: list[list[str]]) -> bool:
    return column > 0 and all(not row[column] or row[column][0] in "0123456789-∞" for row in rows)


def print_json(content: Any) -> None:
    print(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))


class ProgressBars:
    """A bar a system: clips done, time spent, time left. Silent when stderr is not a terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def start(self, name: str, total: int, done: int) -> Iterator[Callable[[], None]]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, disable=not self.console.is_terminal) as progress:
            task = progress.add_task(escape(name), total=total, completed=done)
            yield lambda: progress.advance(task)


class DownloadBar:
    """Bytes of one file had so far. Silent when stderr is not a terminal."""

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

    def __enter__(self) -> DownloadBar:
        self.progress.start()
        self.task = self.progress.add_task(escape(self.name), total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def advance(self, got: int, total: int | None) -> None:
        self.progress.update(self.task, completed=got, total=total)


class TrainingBar:
    """Iterations, loss, speed and time left of a training run; its messages stand as lines above.

    Args:
        visible: whether this process is the one that shows anything.
    """

    def __init__(self, console: Console, visible: bool = True) -> None:
        self.console = console
        self.visible = visible
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
        self.progress.update(
            self.task,
            completed=status.iteration,
            total=status.iterations or None,
            loss=status.loss,
            speed=status.steps_per_second,
        )

    def message(self, text: str) -> None:
        if self.visible:
            self.console.print(text, markup=False, soft_wrap=True)
