"""A folder of runs -> what its report says: a section a dataset, a kind of probing tasks, and one for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from m2l_bench.errors import UserError
from m2l_bench.metrics.classification import METRICS
from m2l_bench.progress import Progress
from m2l_bench.report import cells, figures, matrices, provenance
from m2l_bench.report.cells import Sheet
from m2l_bench.report.figures import Figure
from m2l_bench.report.matrices import Matrix
from m2l_bench.report.provenance import Provenance
from m2l_bench.runs.measured import MeasuredRun, measured_runs
from m2l_bench.runs.probe import ProbeRun, find_probes
from m2l_bench.runs.reconstruction import find_runs
from m2l_bench.tables import ablation, significance
from m2l_bench.tables import probes as probe_tables
from m2l_bench.tables.formats import Column
from m2l_bench.tables.reconstruction import in_table_order, table_of
from m2l_bench.tables.steps import steps_table

NOT_COMPARED = (
    "not compared: measured on other clips or, if it is a distance, without resamples. Fewer than eight clips have "
    "none, nor have runs of an earlier version until m2l-bench reconstruct is called on them again."
)


@dataclass
class Section:
    """A chapter of the report."""

    title: str
    kind: str
    """reconstruction, probes or training: which words stand around the tables."""
    sheets: list[Sheet] = field(default_factory=list)
    matrices: list[Matrix] = field(default_factory=list)
    not_compared: list[str] = field(default_factory=list)
    """Metrics and systems without differences, and why."""
    differences_csv: str = ""
    figures: list[Figure] = field(default_factory=list)
    provenance: list[Provenance] = field(default_factory=list)


@dataclass
class Report:
    """Everything a page shows."""

    sections: list[Section]
    newest: str
    """When the last of the runs was made."""


def gather(out: Path, task: str | None, reference: str, progress: Progress) -> Report:
    """All runs below `out`.

    Args:
        task: only of this dataset or probing task.
        reference: what Fréchet distances are against; see `tables.reconstruction_table`.

    Raises:
        UserError: no runs there or none of this task, or one of them cannot be read.
    """
    datasets = sorted({folder.parent.name for folder in find_runs(out)})
    probes = [run for run in find_probes(out) if task in (None, run.key.task)]
    sections = [_reconstructions(out, name, reference, progress) for name in datasets if task in (None, name)]
    for of_paper, title in ((True, "Probes: the paper's tasks"), (False, "Probes: other tasks")):
        chosen = {run.folder for run in probes if probe_tables.has_paper_columns(run) == of_paper}
        if chosen:
            sections.append(_probes(out, chosen, title, "table1" if of_paper else "mini_table1"))
    if task is None:
        sections += _trainings(out)
    if not sections:
        there = [*datasets, *sorted({run.key.task for run in find_probes(out)})]
        hint = f"there are {', '.join(there)}" if there else "`m2l-bench reconstruct` makes them"
        raise UserError(f"{out}: no runs {'there' if task is None else f'over {task!r}'}; {hint}")
    times = [time for section in sections for time in _times(section)]
    return Report(sections, max(times, default=""))


def _reconstructions(out: Path, dataset: str, reference: str, progress: Progress) -> Section:
    measured = measured_runs(out, dataset, reference=reference)
    table = table_of(measured, reference)
    runs = in_table_order(measured.runs, table)
    table.notes += [f"{run.name}: nothing measured yet; run the same command again" for run in runs if not run.rows]
    section = Section(f"Reconstruction of {dataset}", "reconstruction", [cells.sheet(table, "table2.csv")])
    swept = _swept(runs)
    if swept:
        section.sheets.append(cells.sheet(steps_table(out, dataset, swept), "figure2.csv"))
    differences = significance.differences(runs, progress)
    order = list(table.data["system"])
    for column in table.columns:
        of_metric = differences[differences["metric"] == column.name]
        if len(of_metric):
            section.matrices.append(matrices.matrix(of_metric, column, table.titles, order))
        systems = list(table.data["system"][table.data[column.name].notna()])
        alone = [table.titles[name] for name in systems if name not in {*of_metric["first"], *of_metric["second"]}]
        if alone and len(systems) > 1:
            section.not_compared.append(f"{column.header}, {', '.join(alone)}: {NOT_COMPARED}")
    section.differences_csv = differences.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    section.figures = figures.of_runs([run for run in runs if run.measured], bool(swept))
    section.provenance = [provenance.of_runs(dataset, runs)]
    return section


def _swept(runs: Sequence[MeasuredRun]) -> set[Path]:
    """Runs of systems that were measured with several numbers of denoising steps."""
    steps: dict[str, dict[int, Path]] = {}
    for run in runs:
        key = run.manifest.key
        if key.steps is not None and not key.seed:
            steps.setdefault(key.system, {})[key.steps] = run.folder
    return {folder for found in steps.values() if len(found) > 1 for folder in found.values()}


def _probes(out: Path, chosen: set[Path], title: str, name: str) -> Section:
    def whole(run: ProbeRun) -> bool:
        return run.folder in chosen and run.is_whole

    shown = probe_tables.load_probes(out, whole)
    table = probe_tables.probe_table(shown)
    section = Section(title, "probes", [cells.sheet(table, f"{name}.csv")])
    headers = {column.name: column for column in table.columns}
    frames = []
    differences = probe_tables.differences(shown)
    for pair, found in differences.groupby(["task", "metric"], sort=False) if len(differences) else ():
        task, metric = map(str, pair)
        decided = significance.decide(found, higher_is_better=True)
        column = headers[probe_tables.column_name(shown.tasks[task], metric)]
        titled = Column(column.name, f"{task}: {METRICS[metric].title} (percentage points) ↑", column.decimals)
        section.matrices.append(matrices.matrix(decided, titled, table.titles, list(table.data["system"])))
        frames.append(decided)
    if frames:
        every = pd.concat(frames)
        section.differences_csv = every.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    for task, card in shown.tasks.items():
        runs = list(shown.runs_on(task).values())
        confused = [run for run in runs if run.results.confusion]  # clips with several tags have none
        section.figures += figures.of_probes(confused) if confused else []
        section.provenance.append(provenance.of_probes(card, runs))
    return section


def _trainings(out: Path) -> list[Section]:
    """Table 3 of ablations and curves of all trainings directly below `out`, or of an ablation there."""
    tables = sorted(out.glob(f"*/{ablation.ROWS}"))
    logs = sorted(path.parent for path in [*out.glob("*/log.jsonl"), *out.glob("*/*/log.jsonl")])
    if not tables and not logs:
        return []
    sheets = [cells.sheet(ablation.read_ablation(path), "table3.csv") for path in tables]
    return [Section("Training", "training", sheets, figures=figures.of_trainings(logs) if logs else [])]


def _times(section: Section) -> list[str]:
    return [
        time
        for known in section.provenance
        for system in known.systems
        for time in (system.started, system.finished)
        if time not in ("", provenance.NOT_RECORDED)
    ]
