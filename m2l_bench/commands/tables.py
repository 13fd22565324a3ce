"""`m2l-bench tables`."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from m2l_bench.commands.common import JsonOption, consoles


class Format(str, Enum):
    """Ways to print a table."""

    terminal = "terminal"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"


def tables(
    runs: Annotated[Path, typer.Argument(help="Folder that holds the runs.")] = Path("runs"),
    task: Annotated[str | None, typer.Option(help="Only this dataset's runs, or this probing task's.")] = None,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Where the tables go.")] = Path("results"),
    reference: Annotated[
        str, typer.Option(help="What Fréchet distances are against: `originals`, or a name given as --reference.")
    ] = "originals",
    format: Annotated[Format, typer.Option(help="How to print them.")] = Format.terminal,
    json: JsonOption = False,
) -> None:
    """Regenerate the tables from runs: CSV files, and Markdown or LaTeX to paste.

    From reconstructions DIR/table2, DIR/pareto, quality against rate, and DIR/significance.csv, the differences of
    each pair of systems. From probes of the paper's tasks DIR/table1, of other tasks, which are never set beside its
    figures, DIR/mini/table1; each with table1_differences.csv, learning_curves.csv where there are several parts of a
    training set.

    Examples:

        m2l-bench tables

        m2l-bench tables runs --task musiccaps --format latex
    """
    from m2l_bench.console import reconstruction as summaries
    from m2l_bench.console.terminal import ProgressBars, print_json
    from m2l_bench.tables import every as all_tables
    from m2l_bench.tables import formats as table_formats

    stdout, stderr = consoles()
    made = all_tables.regenerate(runs, task, results, reference, ProgressBars(stderr))
    if json:
        # Table 2 as it always was; the others beside it.
        content = {name: table_formats.to_json(table) for name, table in made.tables.items()}
        print_json({**content.pop("table2", {}), **content})
    for table in () if json else made.tables.values():
        if format is Format.terminal:
            summaries.print_table(stdout, table)
        else:
            sys.stdout.write(getattr(table_formats, f"to_{format.value}")(table))
    stderr.print(f"wrote {', '.join(map(str, made.paths))}", markup=False, soft_wrap=True)
