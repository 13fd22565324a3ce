"""The content of a report, from a folder of runs: datasets, probes, latents, generation and training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from m2l_bench.errors import UserError
from m2l_bench.listen.generated import DATASET
from m2l_bench.listen.pages import ListeningPage, find_pages
from m2l_bench.metrics import metric
from m2l_bench.metrics.classification import METRICS
from m2l_bench.metrics.column_sets import ColumnSet
from m2l_bench.plots.explanations import explanation
from m2l_bench.plots.looks import looks
from m2l_bench.plots.marks import svg_path
from m2l_bench.plots.runs import measured_metrics, median_clip, ranked_clips
from m2l_bench.progress import Progress
from m2l_bench.report import cells, figures, matrices, provenance
from m2l_bench.report.agreement import AgreementPart, agreement_part
from m2l_bench.report.cells import Sheet
from m2l_bench.report.figures import Figure
from m2l_bench.report.headline import headline
from m2l_bench.report.matrices import Matrix
from m2l_bench.report.provenance import Provenance
from m2l_bench.runs.generated import CSV
from m2l_bench.runs.latent_spaces import FILE, read_latent_spaces
from m2l_bench.runs.measured import MeasuredRun, measured_runs
from m2l_bench.runs.probe import ProbeRun, find_probes
from m2l_bench.runs.reconstruction import find_runs
from m2l_bench.tables import ablation, probes, significance
from m2l_bench.tables.formats import Column, frame_to_csv
from m2l_bench.tables.latents import latents_table
from m2l_bench.tables.published import Beside, Published
from m2l_bench.tables.reconstruction import in_table_order, table_of
from m2l_bench.tables.steps import steps_table

NOT_COMPARED = (
    "not compared: measured on other clips or, for a distance, without resamples. Sets of fewer than eight clips have "
    "no resamples, and neither have runs of an earlier version until m2l-bench reconstruct is run on them again."
)


@dataclass(frozen=True)
class Mark:
    """Colour and shape (`d` of an SVG path) of a system, the same as in the figures."""

    colour: str
    path: str


@dataclass
class Section:
    """A chapter of the report."""

    title: str
    kind: str
    """reconstruction, probes, latents, generation or training; decides which explanations the page has."""
    sheets: list[Sheet] = field(default_factory=list)
    headline: str = ""
    """Which system is best by which metric, and how sure that is."""
    page: ListeningPage | None = None
    """Page on which the clips can be heard."""
    hear: list[tuple[str, str]] = field(default_factory=list)
    """Clips of that page to begin with: description and id."""
    marks: dict[str, Mark] = field(default_factory=dict)
    """Marks of the systems by name."""
    metrics: list[str] = field(default_factory=list)
    """Names of the metrics of reconstructions."""
    matrices: list[Matrix] = field(default_factory=list)
    not_compared: list[str] = field(default_factory=list)
    """Metrics and systems without differences, with the reasons."""
    differences_csv: str = ""
    figures: list[Figure] = field(default_factory=list)
    agreement: AgreementPart | None = None
    """Where metrics disagree; None where there are not two to compare."""
    provenance: list[Provenance] = field(default_factory=list)


@dataclass
class Report:
    """Everything a page shows."""

    sections: list[Section]
    newest: str
    """Time of the newest run, "2026-11-25 00:03 UTC"; empty if none is recorded."""
    explanations: dict[str, str]
    """A sentence or two about each metric, by its title."""

    @property
    def published(self) -> list[Published]:
        """Published tables whose figures the report shows."""
        sheets = [sheet for section in self.sections for sheet in section.sheets]
        shown = [sheet.beside for sheet in sheets if sheet.beside and any(head.published for head in sheet.columns)]
        return list(dict.fromkeys(shown))


def gather(
    out: Path,
    task: str | None,
    reference: str,
    progress: Progress,
    beside: Beside = "none",
    linked_from: Path | None = None,
    columns: ColumnSet = "paper",
    answers: Sequence[Path] = (),
) -> Report:
    """Gather everything that the report of the runs below `out` shows.

    Args:
        linked_from: folder of the report; it links to the listening pages there and in `out`. None: no links.
        task: use only runs of this dataset or probing task.
        reference, beside, columns: see `tables.reconstruction.reconstruction_table`.
        answers: CSV files with answers of a MUSHRA test, to compare the metrics with.

    Raises:
        UserError: there are no runs or none of this task, or one of them cannot be read; or the answers are not about
            these runs.
    """
    datasets = sorted({folder.parent.name for folder in find_runs(out)})
    probe_runs = [run for run in find_probes(out) if task in (None, run.key.task)]
    pages = find_pages([linked_from, out], linked_from) if linked_from else {}
    shown = [name for name in datasets if task in (None, name)]
    sections = [
        _reconstruction_section(out, name, reference, progress, beside, pages.get(name), columns, answers)
        for name in shown
    ]
    for in_paper, title in ((True, "Probes: the paper's tasks"), (False, "Probes: other tasks")):
        run_folders = {run.folder for run in probe_runs if probes.has_paper_columns(run) == in_paper}
        if run_folders:
            sections.append(_probe_section(out, run_folders, title, "table1" if in_paper else "mini_table1"))
    sections += _latents_sections(out, task)
    if task is None:
        sections += _generation_sections(out, pages.get(DATASET))
        sections += _training_sections(out)
    if not sections:
        names = [*datasets, *sorted({run.key.task for run in find_probes(out)})]
        hint = f"there are {', '.join(names)}" if names else "`m2l-bench reconstruct` makes them"
        raise UserError(f"{out}: no runs {'there' if task is None else f'over {task!r}'}; {hint}")
    times = [time for section in sections for time in _times(section)]
    metrics = dict.fromkeys(name for section in sections for name in section.metrics)
    return Report(sections, max(times, default=""), {metric(name).title: explanation(name) for name in metrics})


def _reconstruction_section(
    out: Path,
    dataset: str,
    reference: str,
    progress: Progress,
    beside: Beside,
    page: ListeningPage | None,
    columns: ColumnSet,
    answers: Sequence[Path],
) -> Section:
    measured = measured_runs(out, dataset, reference=reference)
    table = table_of(measured, reference, beside, columns)
    runs = in_table_order(measured.runs, table)
    table.notes += [f"{run.name}: nothing measured yet; run the same command again" for run in runs if not run.rows]
    section = Section(f"Reconstruction of {dataset}", "reconstruction", [cells.sheet(table, "table2.csv")])
    swept = _swept_runs(runs)
    if swept:
        section.sheets.append(cells.sheet(steps_table(out, dataset, swept), "figure2.csv"))
    differences = significance.differences(runs, progress)
    order = list(table.data["system"])
    for column in table.columns:
        metric_rows = differences[differences["metric"] == column.name]
        if len(metric_rows):
            section.matrices.append(matrices.matrix(metric_rows, column, table.titles, order))
        systems = list(table.data["system"][table.data[column.name].notna()])
        compared = {*metric_rows["first"], *metric_rows["second"]}
        not_compared = [table.titles[name] for name in systems if name not in compared]
        if not_compared and len(systems) > 1:
            section.not_compared.append(f"{column.header}, {', '.join(not_compared)}: {NOT_COMPARED}")
    section.differences_csv = frame_to_csv(differences, "%.6g")
    measured_on = [run for run in runs if run.measured]
    section.metrics = measured_metrics(measured_on, columns)
    section.figures = figures.reconstruction_figures(measured_on, section.metrics, bool(swept))
    section.agreement = agreement_part(measured_on, dataset, columns, page, answers, progress)
    section.headline = headline(table, measured_on, differences)
    section.marks = {name: Mark(look.colour, svg_path(look)) for name, look in looks(run.name for run in runs).items()}
    if page:
        section.page, section.hear = page, _clips_to_hear(measured_on, page)
    section.provenance = [provenance.reconstruction_provenance(dataset, runs)]
    return section


def _clips_to_hear(runs: Sequence[MeasuredRun], page: ListeningPage) -> list[tuple[str, str]]:
    """Choose the clips with the lowest, the median and the highest score."""
    ranked = ranked_clips(runs, page.clips)
    chosen = {"the hardest": ranked[0], "the median": median_clip(runs, page.clips), "the easiest": ranked[-1]}
    return [(name, id) for position, (name, id) in enumerate(chosen.items()) if id not in [*chosen.values()][:position]]


def _swept_runs(runs: Sequence[MeasuredRun]) -> set[Path]:
    """Folders of runs of systems that were measured with several numbers of denoising steps."""
    folders_by_system: dict[str, dict[int, Path]] = {}
    for run in runs:
        key = run.manifest.key
        if key.steps is not None and not key.seed:
            folders_by_system.setdefault(key.system, {})[key.steps] = run.folder
    return {folder for folders in folders_by_system.values() if len(folders) > 1 for folder in folders.values()}


def _probe_section(out: Path, run_folders: set[Path], title: str, name: str) -> Section:
    def is_shown(run: ProbeRun) -> bool:
        return run.folder in run_folders and run.is_whole

    whole_runs = probes.load_probes(out, is_shown)
    table = probes.probe_table(whole_runs)
    section = Section(title, "probes", [cells.sheet(table, f"{name}.csv")])
    columns = {column.name: column for column in table.columns}
    frames = []
    differences = probes.differences(whole_runs)
    for pair, rows in differences.groupby(["task", "metric"], sort=False) if len(differences) else ():
        task, metric = map(str, pair)
        decided = significance.decide(rows, higher_is_better=True)
        column = columns[probes.column_name(whole_runs.tasks[task], metric)]
        renamed = Column(column.name, f"{task}: {METRICS[metric].title} (percentage points) ↑", column.decimals)
        section.matrices.append(matrices.matrix(decided, renamed, table.titles, list(table.data["system"])))
        frames.append(decided)
    if frames:
        section.differences_csv = frame_to_csv(pd.concat(frames), "%.6g")
    for task, card in whole_runs.tasks.items():
        runs = list(whole_runs.runs_on(task).values())
        with_confusion = [run for run in runs if run.results.confusion]  # tasks with several tags per clip have none
        section.figures += figures.probe_figures(with_confusion) if with_confusion else []
        section.provenance.append(provenance.probe_provenance(card, runs))
    return section


def _latents_sections(out: Path, task: str | None) -> list[Section]:
    """Gather what `m2l-bench latents report` wrote into `out`."""
    spaces = [space for space in read_latent_spaces(out / FILE).values() if task in (None, space.dataset)]
    if not spaces:
        return []
    marks = {name: Mark(look.colour, svg_path(look)) for name, look in looks(space.system for space in spaces).items()}
    sheet = cells.sheet(latents_table(spaces), "latents_shown.csv")
    return [Section("Latents", "latents", [sheet], marks=marks, figures=figures.latents_figures(spaces))]


def _generation_sections(out: Path, page: ListeningPage | None) -> list[Section]:
    """Gather what `m2l-bench generate` wrote into folders directly below `out`."""
    from m2l_bench.plots.generation import load_sets

    paths = sorted(out.glob(f"*/{CSV}"))
    drawn = [figure for path in paths for figure in figures.generation_figures(load_sets(path))]
    hear = [("the first", page.clips[0])] if page else []
    return [Section("Generation from latents", "generation", page=page, hear=hear, figures=drawn)] if drawn else []


def _training_sections(out: Path) -> list[Section]:
    """Gather Table 3 of ablations, and the curves of all trainings directly below `out` or in an ablation there."""
    tables = sorted(out.glob(f"*/{ablation.ROWS}"))
    logs = sorted(path.parent for path in [*out.glob("*/log.jsonl"), *out.glob("*/*/log.jsonl")])
    if not tables and not logs:
        return []
    sheets = [cells.sheet(ablation.read_ablation(path), "table3.csv") for path in tables]
    return [Section("Training", "training", sheets, figures=figures.training_figures(logs) if logs else [])]


def _times(section: Section) -> list[str]:
    """Recorded start and end times of the section's runs."""
    return [
        time
        for entry in section.provenance
        for system in entry.systems
        for time in (system.started, system.finished)
        if time not in ("", provenance.NOT_RECORDED)
    ]
