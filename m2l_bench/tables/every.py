"""Every table that a folder of runs gives, written where it belongs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from m2l_bench.progress import Progress
from m2l_bench.runs.distances import ORIGINALS
from m2l_bench.runs.measured import measured_runs
from m2l_bench.runs.probe import ProbeRun, find_probes
from m2l_bench.runs.reconstruction import find_runs
from m2l_bench.tables import formats as table_formats
from m2l_bench.tables import probes as probe_tables
from m2l_bench.tables import significance
from m2l_bench.tables.formats import Table
from m2l_bench.tables.rate_quality import rate_quality_table
from m2l_bench.tables.reconstruction import in_table_order, table_of


@dataclass
class Tables:
    """Tables by name, and the files they are in."""

    tables: dict[str, Table] = field(default_factory=dict)
    paths: list[Path] = field(default_factory=list)


def regenerate(
    out: Path, task: str | None, results: Path, reference: str = ORIGINALS, progress: Progress | None = None
) -> Tables:
    """Table 2, quality against rate and the differences of systems from reconstructions below `out`, Table 1 from
    probes.

    Args:
        task: only of this dataset or probing task.

    Raises:
        UserError: no runs there or none of this task, several datasets and none named, or nothing can be written.
    """
    made = Tables()
    probes = [run for run in find_probes(out) if task in (None, run.key.task)]
    if (task is None and find_runs(out)) or not probes:
        measured = measured_runs(out, task, reference=reference)
        table2 = table_of(measured, reference)
        for name, table in (("table2", table2), ("pareto", rate_quality_table(table2, measured))):
            made.tables[name] = table
            made.paths += table_formats.write(table, results, name)
        differences = significance.differences(in_table_order(measured.runs, table2), progress)
        made.paths += probe_tables.write_csv(differences, results / "significance.csv", "%.6g")
    for name, folder, of_paper in (("table1", results, True), ("mini/table1", results / "mini", False)):
        chosen = {run.folder for run in probes if probe_tables.has_paper_columns(run) == of_paper}
        if chosen:
            _probes(made, name, out, chosen, folder)
    return made


def _probes(made: Tables, name: str, out: Path, chosen: set[Path], folder: Path) -> None:
    def whole(run: ProbeRun) -> bool:
        return run.folder in chosen and run.is_whole

    shown = probe_tables.load_probes(out, whole)
    if shown.runs:
        made.tables[name] = probe_tables.probe_table(shown)
        made.paths += table_formats.write(made.tables[name], folder, "table1")
        made.paths += probe_tables.write_csv(probe_tables.differences(shown), folder / "table1_differences.csv")
    every = probe_tables.load_probes(out, lambda run: run.folder in chosen)
    made.paths += probe_tables.write_csv(probe_tables.learning_curves(every), folder / "learning_curves.csv")
