"""`m2l-bench plot`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2l_bench.commands.common import consoles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RunsArgument = Annotated[
    list[Path] | None, typer.Argument(metavar="RUNS...", help="Folders of runs, or runs themselves. [default: runs]")
]
OutOption = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="PDF, SVG or PNG, by its suffix.")]
TaskOption = Annotated[str | None, typer.Option(help="The dataset, where there are runs over several.")]
ModelsOption = Annotated[str, typer.Option(help="Only these systems, separated by commas.")]
MetricsOption = Annotated[str, typer.Option(help="Metrics separated by commas; all that were measured by default.")]


def distribution(
    out: OutOption,
    runs: RunsArgument = None,
    task: TaskOption = None,
    models: ModelsOption = "",
    metrics: MetricsOption = "",
) -> None:
    """Every clip's score for each system, the same clip joined by a line.

    Points are clips, boxes quartiles, markers means with their 95 % bootstrap interval.

    Examples:

        m2l-bench plot distribution -o scores.pdf

        m2l-bench plot distribution runs --task musiccaps --models music2latent,dac --metrics visqol -o visqol.svg
    """
    from m2l_bench.plots import distribution
    from m2l_bench.plots.runs import load_runs

    _write(distribution.figure(load_runs(_default(runs), task, _names(models)), _names(metrics)), out)


def _default(paths: list[Path] | None) -> list[Path]:
    return paths or [Path("runs")]


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _write(figure: Figure, out: Path) -> None:
    from m2l_bench.plots.style import save

    _, stderr = consoles()
    stderr.print(f"wrote {save(figure, out)}", markup=False, soft_wrap=True)
