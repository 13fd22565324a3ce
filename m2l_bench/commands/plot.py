"""`m2l-bench plot`: figures of runs. matplotlib is imported only when a figure is drawn, not for the help."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2l_bench.commands.common import AnswersOption, ReferenceOption, consoles
from m2l_bench.text import split_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RunsArgument = Annotated[
    list[Path] | None, typer.Argument(metavar="RUNS", help="Folders of runs, or single runs; default: runs.")
]
OutOption = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The .pdf, .svg or .png file to write.")]
TaskOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Dataset or probing task; needed if the runs have several.")
]
ModelsOption = Annotated[
    str, typer.Option(metavar="NAMES", help="Systems to draw, in this order, separated by commas; default: all.")
]
MetricsOption = Annotated[
    str, typer.Option(metavar="NAMES", help="Metrics, separated by commas; default: all that were measured.")
]


def distribution(
    out: OutOption,
    runs: RunsArgument = None,
    task: TaskOption = None,
    models: ModelsOption = "",
    metrics: MetricsOption = "",
) -> None:
    """Draw every clip's score for each system, with a line that joins the scores of a clip.

    Points are clips and boxes quartiles; beside each box is the mean with its 95 % bootstrap interval. Systems are in
    the order of the tables, or of --models.

    Examples:

        m2l-bench plot distribution -o scores.pdf

        m2l-bench plot distribution --models music2latent,dac --metrics visqol -o v.svg
    """
    from m2l_bench.plots import distribution
    from m2l_bench.plots.runs import load_runs

    systems = load_runs(_paths(runs), task, split_names(models))
    _write(distribution.figure(systems, split_names(metrics)), out)


def pareto(
    out: OutOption,
    runs: RunsArgument = None,
    task: TaskOption = None,
    models: ModelsOption = "",
    metrics: MetricsOption = "",
    reference: ReferenceOption = "originals",
) -> None:
    """Draw quality against rate (kb/s, latent values per second) and against speed: the numbers of pareto.csv.

    Bars are 95 % bootstrap intervals; the line joins the systems that no other system beats in both.

    Examples:

        m2l-bench plot pareto -o rate.pdf

        m2l-bench plot pareto runs/bundled --metrics visqol,fad_musicnn -o rate.png
    """
    from m2l_bench.plots import pareto
    from m2l_bench.plots.runs import load_runs

    _write(pareto.figure(load_runs(_paths(runs), task, split_names(models), reference), split_names(metrics)), out)


def figure2(
    out: OutOption,
    runs: RunsArgument = None,
    task: TaskOption = None,
    models: ModelsOption = "",
    metrics: MetricsOption = "",
    reference: ReferenceOption = "originals",
) -> None:
    """Draw quality against the number of denoising steps (Figure 2 of the paper) from runs of `m2l-bench sweep`.

    Bands are 95 % bootstrap intervals.

    Examples:

        m2l-bench sweep --models music2latent --steps 1,2,4,8

        m2l-bench plot figure2 -o figure2.pdf
    """
    from m2l_bench.plots import figure2
    from m2l_bench.plots.runs import load_runs

    _write(figure2.figure(load_runs(_paths(runs), task, split_names(models), reference), split_names(metrics)), out)


def spectrograms(
    out: OutOption,
    runs: RunsArgument = None,
    task: TaskOption = None,
    models: ModelsOption = "",
    clip: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Clip id (repeatable); default: the median clip.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the originals, if the runs do not name it.")
    ] = None,
) -> None:
    """Draw spectrograms of a clip: the original, each system, and below them what is too loud or too soft.

    The runs must have kept their audio (`reconstruct --audio`), or be of recorded systems (`--recorded`).

    Examples:

        m2l-bench plot spectrograms --clip vibe_ace_jazz -o jazz.pdf

        m2l-bench plot spectrograms --data clips --clip=-0SdAVK79lg -o clip.png
    """
    from m2l_bench.plots import spectrograms
    from m2l_bench.plots.runs import load_runs

    _write(spectrograms.figure(load_runs(_paths(runs), task, split_names(models)), clip or (), data), out)


def training(
    runs: Annotated[list[Path], typer.Argument(metavar="RUNS", help="Folders that `m2l-bench train` wrote.")],
    out: OutOption,
) -> None:
    """Draw the loss and the held-out scores of training runs, from their log.jsonl.

    Examples:

        m2l-bench plot training runs/tiny -o training.svg

        m2l-bench plot training runs/ablation/* -o ablation.pdf
    """
    from m2l_bench.plots import training

    _write(training.figure(training.read_logs(runs)), out)


def agreement(
    out: OutOption,
    runs: RunsArgument = None,
    task: TaskOption = None,
    models: ModelsOption = "",
    metrics: MetricsOption = "",
    answers: AnswersOption = None,
) -> None:
    """Draw which metrics agree on what is better: a heat map of the numbers of agreement.csv.

    Rank correlations over systems are below the diagonal, those over clips above it; negative cells are hatched.

    Examples:

        m2l-bench plot agreement -o agreement.pdf

        m2l-bench plot agreement --metrics si_sdr_db,visqol,mel_distance --answers anna.csv -o agreement.png
    """
    from m2l_bench.listen.ratings import read_ratings
    from m2l_bench.plots import agreement
    from m2l_bench.plots.runs import load_runs

    systems = load_runs(_paths(runs), task, split_names(models))
    scores = read_ratings(answers, systems).scores if answers else None
    _write(agreement.figure(systems, split_names(metrics), scores), out)


def latents(
    out: OutOption,
    csv: Annotated[Path, typer.Argument(metavar="CSV", help="What `m2l-bench latents report` wrote.")] = Path(
        "runs/latents.csv"
    ),
    models: ModelsOption = "",
) -> None:
    """Draw the most important measures of latents: which latents are easier to model, and how sure that is.

    Better values are on the right of every panel; bars are 95 % intervals.

    Examples:

        m2l-bench latents report --models music2latent-mini,mel-pca

        m2l-bench plot latents -o latents.pdf
    """
    from m2l_bench.plots import latents

    _write(latents.figure(latents.load_latents(csv, split_names(models))), out)


def generate(
    out: OutOption,
    csv: Annotated[Path, typer.Argument(metavar="CSV", help="What `m2l-bench generate` wrote.")] = Path(
        "runs/generate/generate.csv"
    ),
    models: ModelsOption = "",
) -> None:
    """Draw the samples of each system between their floor and ceiling: which latents are easier to generate from.

    Better values are on the right; bars are 95 % intervals.

    Examples:

        m2l-bench generate --models music2latent-mini,mel-pca --data music

        m2l-bench plot generate -o generate.pdf
    """
    from m2l_bench.plots import generation

    _write(generation.figure(generation.load_sets(csv, split_names(models))), out)


def confusion(out: OutOption, runs: RunsArgument = None, task: TaskOption = None, models: ModelsOption = "") -> None:
    """Draw confusion matrices of probes: which classes they confuse on the test clips, as means over seeds.

    Examples:

        m2l-bench plot confusion --task mini-tinysol-pitch -o pitch.pdf

        m2l-bench plot confusion runs/probe-tinysol-pitch/musicnn -o musicnn.png
    """
    from m2l_bench.plots import confusion
    from m2l_bench.plots.runs import load_probes

    _write(confusion.figure(load_probes(_paths(runs), task, split_names(models))), out)


def _paths(runs: list[Path] | None) -> list[Path]:
    return runs or [Path("runs")]


def _write(figure: Figure, out: Path) -> None:
    from m2l_bench.plots.style import save

    _, stderr = consoles()
    stderr.print(f"wrote {save(figure, out)}", markup=False, soft_wrap=True)
