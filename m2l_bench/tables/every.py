"""Every table that can be made from a folder of runs, written as files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from m2l_bench.metrics.column_sets import ColumnSet
from m2l_bench.progress import Progress
from m2l_bench.runs.distances import ORIGINALS
from m2l_bench.runs.measured import measured_runs
from m2l_bench.runs.probe import ProbeRun, find_probes
from m2l_bench.runs.reconstruction import find_runs
from m2l_bench.tables import formats, probes, significance
from m2l_bench.tables.codes import code_use, codebooks_frame, codes_table
from m2l_bench.tables.formats import Table
from m2l_bench.tables.published import Beside
from m2l_bench.tables.rate_quality import rate_quality_table
from m2l_bench.tables.reconstruction import in_table_order, table_of


@dataclass
class Tables:
    """Tables by name, and the paths of all files that were written."""

    tables: dict[str, Table] = field(default_factory=dict)
    paths: list[Path] = field(default_factory=list)


def regenerate(
    out: Path,
    task: str | None,
    results: Path,
    reference: str = ORIGINALS,
    beside: Beside = "none",
    columns: ColumnSet = "paper",
    progress: Progress | None = None,
) -> Tables:
    """Make and write Table 2, quality against rate, the use of codebooks and the differences between systems from the
    reconstructions below `out`, and Table 1 from the probes.

    Args:
        out: folder of runs.
        task: use only runs of this dataset or probing task.
        results: folder for the tables.
        reference: reference of the Fréchet distances.
        beside: whose figures Table 2 shows beside the measured ones.
        columns: which metrics the tables of reconstructions show.

    Raises:
        UserError: there are no runs or none of this task, or a file cannot be
            written.
    """
    result = Tables()
    probe_runs = [run for run in find_probes(out) if task in (None, run.key.task)]
    if (task is None and find_runs(out)) or not probe_runs:
        measured = measured_runs(out, task, reference=reference)
        table2 = table_of(measured, reference, beside, columns)
        uses = {run.name: use for run in measured.runs if (use := code_use(run))}
        tables = {"table2": table2, "pareto": rate_quality_table(table2, measured, uses)}
        tables |= {"codes": codes_table(measured, uses)} if uses else {}
        for name, table in tables.items():
            result.tables[name] = table
            result.paths += formats.write(table, results, name)
        result.paths += probes.write_csv(codebooks_frame(uses), results / "codebooks.csv")
        differences = significance.differences(in_table_order(measured.runs, table2), progress)
        result.paths += probes.write_csv(differences, results / "significance.csv", "%.6g")
    for name, folder, in_paper in (("table1", results, True), ("mini/table1", results / "mini", False)):
        run_folders = {run.folder for run in probe_runs if probes.has_paper_columns(run) == in_paper}
        if run_folders:
            _add_probe_tables(result, name, out, run_folders, folder)
    return result


def _add_probe_tables(result: Tables, name: str, out: Path, run_folders: set[Path], folder: Path) -> None:
    """Write Table 1, the differences between models and the learning curves of these runs into `folder`."""

    def is_shown(run: ProbeRun) -> bool:
        return run.folder in run_folders and run.is_whole

    whole_runs = probes.load_probes(out, is_shown)
    if whole_runs.runs:
        result.tables[name] = probes.probe_table(whole_runs)
        result.paths += formats.write(result.tables[name], folder, "table1")
        result.paths += probes.write_csv(probes.differences(whole_runs), folder / "table1_differences.csv")
    all_runs = probes.load_probes(out, lambda run: run.folder in run_folders)
    result.paths += probes.write_csv(probes.learning_curves(all_runs), folder / "learning_curves.csv")
