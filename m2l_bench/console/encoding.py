"""The progress of the encoding of a collection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from m2l_bench.console.status import STATUS
from m2l_bench.console.terminal import WORTH_A_LINE_SECONDS, Lines
from m2l_bench.text import counted


class EncodingBar:
    """Files done, hours of audio per hour, failures and time left; each failure is a line of its own.

    Without a terminal, one line per minute.
    """

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def files(self, total: int, done: int) -> Iterator[Callable[[str, float, str], None]]:
        """Give a context whose value is called for each file: its id, the seconds of its audio, why it failed, or "".

        Args:
            total: number of files in all.
            done: number of files that were encoded before.
        """
        lines, files = Lines(), counted(total, "file")
        finished, failures, audio_seconds = done, 0, 0.0
        note = STATUS.begin("encode", total, done)
        columns = (
            TextColumn("encode"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}, left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, disable=not self.console.is_terminal) as progress:
            task = progress.add_task("", total=total, completed=done, state="")

            def state() -> str:
                return f"{audio_seconds / max(lines.seconds, 1e-9):,.1f} h of audio per hour, {failures:,} failed"

            def advance(file_id: str, seconds: float, problem: str) -> None:
                nonlocal finished, failures, audio_seconds
                finished += 1
                if problem:
                    failures += 1
                    self.console.print(f"{file_id}: {problem}", style="bold red", markup=False, soft_wrap=True)
                else:
                    audio_seconds += seconds
                note(failed=failures, audio_hours=round(audio_seconds / 3600, 4))
                is_due = lines.is_due()
                progress.update(task, completed=finished, state=state())
                if is_due and not self.console.is_terminal:
                    left = lines.seconds / (finished - done) * (total - finished)
                    self._print(f"encode: {finished:,} of {files}, {state()}, about {left / 60:,.0f} min left")

            yield advance
            lines.is_due()
            if lines.seconds >= WORTH_A_LINE_SECONDS and not self.console.is_terminal:
                self._print(f"encode: {finished:,} of {files}, {state()}, {lines.seconds / 60:,.0f} min")

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, soft_wrap=True)
