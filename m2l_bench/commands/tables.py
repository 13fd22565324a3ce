"""`m2l-bench tables`."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from m2l_bench.commands.common import (
    BesideOption,
    Columns,
    ColumnsOption,
    JsonOption,
    ReferenceOption,
    consoles,
)


class Format(str, Enum):
    """Formats in which a table can be printed."""

    terminal = "terminal"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"


def tables(
    runs: Annotated[Path, typer.Argument(metavar="RUNS", help="Folder of the runs.")] = Path("runs"),
    task: Annotated[str | None, typer.Option(help="Use only runs of this dataset or probing task.")] = None,
    results: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the tables; default: the folder of the runs.")
    ] = None,
    reference: ReferenceOption = "originals",
    beside: BesideOption = "none",
    columns: ColumnsOption = Columns.paper,
    format: Annotated[Format, typer.Option(help="How to print the tables.")] = Format.terminal,
    json: JsonOption = False,
) -> None:
    """Make the tables from runs: CSV and Markdown files, and Markdown or LaTeX to paste.

    From reconstructions: DIR/table2, DIR/pareto (quality against rate), and DIR/significance.csv (the difference of
    each pair of systems). For codecs with codebooks, also DIR/codes (the rate of an ideal entropy coder, and how many
    entries are used) and DIR/codebooks.csv (the same for each codebook).

    From probes: DIR/table1 for the paper's tasks, and DIR/mini/table1 for other tasks, which are never shown beside the
    paper's numbers; table1_differences.csv, and learning_curves.csv for models trained on several fractions.

    Examples:

        m2l-bench tables

        m2l-bench tables runs --task musiccaps --beside paper --format latex

        m2l-bench tables --columns stereo
    """
    from m2l_bench.console.reconstruction import print_table
    from m2l_bench.console.terminal import ProgressBars, print_json
    from m2l_bench.tables import formats
    from m2l_bench.tables.every import regenerate

    stdout, stderr = consoles()
    regenerated = regenerate(runs, task, results or runs, reference, beside, columns.value, ProgressBars(stderr))
    if json:
        # The keys of Table 2 are at the top level, as in version 0.1; the other tables are beside them.
        content = {name: formats.to_json(table) for name, table in regenerated.tables.items()}
        print_json({**content.pop("table2", {}), **content})
    for table in () if json else regenerated.tables.values():
        if format is Format.terminal:
            print_table(stdout, table)
        else:
            sys.stdout.write(getattr(formats, f"to_{format.value}")(table))
    stderr.print(f"wrote {', '.join(map(str, regenerated.paths))}", markup=False, soft_wrap=True)
