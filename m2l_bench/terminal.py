"""What a person sees: results on stdout, the rest on stderr, and nothing that moves when it is not a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

__all__ = ["ProgressBars", "escape", "make_consoles", "print_json", "table"]


def make_consoles(color: bool) -> tuple[Console, Console]:
    """Console for results (stdout) and for messages (stderr). NO_COLOR is honoured as well."""
    return (
        Console(no_color=not color or None, highlight=False),
        Console(no_color=not color or None, highlight=False, stderr=True),
    )


def table(title: str, head: list[str], rows: list[list[str]]) -> Table:
    """A table of plain text: nothing in it is taken for markup. Numbers stand right."""
    result = Table(title=escape(title) if title else None, title_justify="left")
    for i, name in enumerate(head):
        numbers = i > 0 and all(not row[i] or row[i][0] in "0123456789-∞" for row in rows)
        result.add_column(escape(name), justify="right" if numbers else "left")
    for row in rows:
        result.add_row(*map(escape, row))
    return result


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
