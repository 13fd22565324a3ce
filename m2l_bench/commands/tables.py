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
    task: Annotated[str | None, typer.Option(help="Which dataset's runs, when there are several.")] = None,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Where table2.csv and table2.md go.")] = Path("results"),
    reference: Annotated[
        str, typer.Option(help="What Fréchet distances are against: `originals`, or a name given as --reference.")
    ] = "originals",
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.terminal,
    json: JsonOption = False,
) -> None:
    """Regenerate Table 2 from runs: results/table2.csv, and Markdown or LaTeX to paste.

    Examples:

        m2l-bench tables

        m2l-bench tables runs --task musiccaps --format latex
    """
    from m2l_bench import summaries, table_formats
    from m2l_bench.tables import reconstruction_table
    from m2l_bench.terminal import print_json

    stdout, stderr = consoles()
    result = reconstruction_table(runs, task, reference=reference)
    paths = table_formats.write(result, results, "table2")
    if json:
        print_json(table_formats.to_json(result))
    elif format is Format.terminal:
        summaries.print_table(stdout, result)
    else:
        sys.stdout.write(getattr(table_formats, f"to_{format.value}")(result))
    stderr.print(f"wrote {', '.join(map(str, paths))}", markup=False, soft_wrap=True)
