"""`m2l-bench report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from m2l_bench.commands.common import (
    AnswersOption,
    BesideOption,
    Columns,
    ColumnsOption,
    ReferenceOption,
    consoles,
)
from m2l_bench.errors import UserError
from m2l_bench.extras import require


def report(
    runs: Annotated[Path, typer.Argument(metavar="RUNS", help="Folder of the runs.")] = Path("runs"),
    out: Annotated[Path, typer.Option("--out", "-o", metavar="HTML", help="HTML file to write.")] = Path("report.html"),
    task: Annotated[str | None, typer.Option(help="Use only runs of this dataset or probing task.")] = None,
    reference: ReferenceOption = "originals",
    beside: BesideOption = "none",
    columns: ColumnsOption = Columns.paper,
    answers: AnswersOption = None,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Benchmark report",
) -> None:
    """Write a report of all runs as one HTML file.

    It has tables and figures, and it shows which differences are significant, where metrics disagree, and where each
    number comes from.

    The file needs no network and no other file: send it as it is. If a listening page is in a folder beside it or in
    RUNS, the report links to its clips.

    Examples:

        m2l-bench report

        m2l-bench report runs --task musiccaps -o musiccaps.html --title "Our codec"
    """
    require("plot")
    from m2l_bench.console.terminal import ProgressBars
    from m2l_bench.report.gather import gather
    from m2l_bench.report.page import to_html
    from m2l_bench.runs.files import write_atomically

    _, stderr = consoles()
    progress = ProgressBars(stderr)
    gathered = gather(runs, task, reference, progress, beside, out.parent, columns.value, answers or ())
    page = to_html(gathered, title)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, page.encode())
    except OSError as error:
        raise UserError(f"{out}: cannot write there ({error.strerror or error})") from error
    stderr.print(f"wrote {out}", markup=False, soft_wrap=True)
