"""`m2l-bench plot`: figures of runs. matplotlib is imported when one is drawn, never for the help."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2l_bench.commands.common import consoles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RunsArgument = Annotated[
    list[Path] | None, typer.Argument(metavar="RUNS...", help="Folders of runs, or runs themselves; default: runs.")
]
OutOption = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="A .pdf, .svg or .png to write.")]
TaskOption = Annotated[str | None, typer.Option(help="The dataset or probing task, where there are several.")]
ModelsOption = Annotated[str, typer.Option(help="Only these, in this order, separated by commas.")]
ReferenceOption = Annotated[
    str, typer.Option(help="What Fréchet distances are against: `originals`, or a name given as --reference.")
]
MetricsOption = Annotated[str, typer.Option(help="Separated by commas; default: all that were measured.")]


def distribution(
    out: OutOption,
    runs: RunsArgument = None,
    task: TaskOption = None,
    models: ModelsOption = "",
    metrics: MetricsOption = "",
) -> None:
    """Every clip's score for each system, the same clip joined by a line.

    Points are clips, boxes quartiles; beside each the mean with its 95 % bootstrap interval. From low means to high, or
    in the order of --models.

    Examples:

        m2l-bench plot distribution -o scores.pdf

        m2l-bench plot distribution --task musiccaps --models music2latent,dac --metrics visqol -o visqol.svg
    """
    from m2l_bench.plots import distribution
    from m2l_bench.plots.runs import load_runs

    chosen = load_runs(_paths(runs), task, _names(models))
    _write(distribution.figure(chosen, _names(metrics), ordered=bool(models)), out)


def pareto(
    out: OutOption,
    runs: RunsArgument = None,
    task: TaskOption = None,
    models: ModelsOption = "",
    metrics: MetricsOption = "",
    reference: ReferenceOption = "originals",
) -> None:
    """Quality against rate (kb/s, latent values a second) and against speed, the figures of pareto.csv.

    Bars are 95 % bootstrap intervals; the line joins the systems that no other beats in both.

    Examples:

        m2l-bench plot pareto -o rate.pdf

        m2l-bench plot pareto runs/bundled --metrics visqol,fad_musicnn -o rate.png
    """
    from m2l_bench.plots import pareto
    from m2l_bench.plots.runs import load_runs

    _write(pareto.figure(load_runs(_paths(runs), task, _names(models), reference), _names(metrics)), out)


def figure2(
    out: OutOption,
    runs: RunsArgument = None,
    task: TaskOption = None,
    models: ModelsOption = "",
    metrics: MetricsOption = "",
    reference: ReferenceOption = "originals",
) -> None:
    """Quality against the number of denoising steps, Figure 2 of the paper, from the runs of `m2l-bench sweep`.

    Bands are 95 % bootstrap intervals.

    Examples:

        m2l-bench sweep --models music2latent --steps 1,2,4,8 && m2l-bench plot figure2 -o figure2.pdf
    """
    from m2l_bench.plots import figure2
    from m2l_bench.plots.runs import load_runs

    _write(figure2.figure(load_runs(_paths(runs), task, _names(models), reference), _names(metrics)), out)


def spectrograms(
    out: OutOption,
    runs: RunsArgument = None,
    task: TaskOption = None,
    models: ModelsOption = "",
    clip: Annotated[list[str] | None, typer.Option(help="Its id (repeatable); default: one of median score.")] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the originals lie, if the runs do not say.")
    ] = None,
) -> None:
    """Spectrograms of a clip: the original, each system, and below what is too loud or too soft.

    The runs must have their audio: kept (`reconstruct --audio`), or recorded elsewhere.

    Examples:

        m2l-bench plot spectrograms --models opus-12k,mp3-32k --clip vibe_ace_jazz -o jazz.pdf

        m2l-bench plot spectrograms --task musiccaps --data clips --clip=-0SdAVK79lg -o one.png
    """
    from m2l_bench.plots import spectrograms
    from m2l_bench.plots.runs import load_runs

    _write(spectrograms.figure(load_runs(_paths(runs), task, _names(models)), clip or (), data), out)


def training(
    runs: Annotated[list[Path], typer.Argument(metavar="RUNS...", help="Folders of `m2l-bench train`.")],
    out: OutOption,
) -> None:
    """Loss and held-out figures of training runs, from their log.jsonl.

    Examples:

        m2l-bench plot training runs/tiny -o training.svg

        m2l-bench plot training runs/ablation/* -o ablation.pdf
    """
    from m2l_bench.plots import training

    _write(training.figure(training.read_logs(runs)), out)


def confusion(out: OutOption, runs: RunsArgument = None, task: TaskOption = None, models: ModelsOption = "") -> None:
    """Which classes probes take for which: confusion matrices on the test clips, the mean over seeds.

    Examples:

        m2l-bench plot confusion --task mini-tinysol-pitch -o pitch.pdf

        m2l-bench plot confusion runs/probe-tinysol-pitch/musicnn -o musicnn.png
    """
    from m2l_bench.plots import confusion
    from m2l_bench.plots.runs import load_probes

    _write(confusion.figure(load_probes(_paths(runs), task, _names(models))), out)


def _paths(runs: list[Path] | None) -> list[Path]:
    return runs or [Path("runs")]


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _write(figure: Figure, out: Path) -> None:
    from m2l_bench.plots.style import save

    _, stderr = consoles()
    stderr.print(f"wrote {save(figure, out)}", markup=False, soft_wrap=True)
