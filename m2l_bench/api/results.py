"""Results of reconstruction: rows, tables and significance of the runs over one task."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import pandas as pd

from m2l_bench.api.formatted import FormattedTable
from m2l_bench.api.players import players
from m2l_bench.metrics.column_sets import ColumnSet
from m2l_bench.runs.distances import ORIGINALS
from m2l_bench.runs.measured import MeasuredRun, MeasuredRuns, measured_runs
from m2l_bench.tables.published import Beside
from m2l_bench.tables.reconstruction import in_table_order, table_of
from m2l_bench.tables.significance import differences


class Results(FormattedTable):
    """The newest run of each system over one task. In a notebook it shows its table and players of one clip.

    Args:
        measured: the runs.
        reference: reference of the Fréchet distances.
        beside: whose published figures the formatted table shows beside the measured ones.
        data: folder of the originals, if the runs do not know it.
        cards: folders of further cards, for tasks that are not in this package.
        columns: metrics that the table shows.
    """

    def __init__(
        self,
        measured: MeasuredRuns,
        reference: str = ORIGINALS,
        beside: Beside = "none",
        data: Path | None = None,
        cards: Sequence[Path] = (),
        columns: ColumnSet = "paper",
    ) -> None:
        super().__init__(table_of(measured, reference, beside, columns))
        self.measured = measured
        self.data = data
        self.cards = cards

    def __repr__(self) -> str:
        return f"Results({self.task!r}, {', '.join(self.systems)})"

    @property
    def task(self) -> str:
        """Name of the dataset."""
        return self.measured.dataset

    @property
    def runs(self) -> list[MeasuredRun]:
        """The runs, in the order of the table."""
        return in_table_order(self.measured.runs, self.formatted)

    @property
    def systems(self) -> list[str]:
        """Names of the systems, in the order of the table."""
        return [run.name for run in self.runs]

    @property
    def rows(self) -> pd.DataFrame:
        """One row per system and clip: `system`, `id`, `status`, `reason`, times, sizes, and each metric."""
        frames = [pd.DataFrame([row.to_columns() for row in run.rows]).assign(system=run.name) for run in self.runs]
        rows = pd.concat([frame for frame in frames if len(frame)], ignore_index=True)
        return rows[["system", *(name for name in rows if name != "system")]]

    def table(self) -> pd.DataFrame:
        """One row per system, indexed by its name: `clips`, and the mean and 95 % interval of each metric."""
        data = self.formatted.data
        data = data[data["system"].isin(self.systems)].set_index("system")
        return data.dropna(axis="columns", how="all")

    def significance(self) -> pd.DataFrame:
        """Compare each pair of systems on their common clips, one row per metric and pair.

        Returns:
            columns `metric`, `first`, `second`, `clips`, `difference`, `low`, `high`, `p`, `p_holm`, and `better`: the
            name of the better system, or empty.
        """
        return differences(self.runs)

    def to_html(self, clip: str | None = None) -> str:
        """Write the table as HTML, with players for one clip where the runs kept audio.

        Args:
            clip: id of the clip; default: the one with the median score.
        """
        return f"<div>{super().to_html()}{players(self.runs, clip, self.data, self.cards)}</div>"


def load_results(
    runs: str | PathLike[str] = "runs",
    task: str | None = None,
    *,
    reference: str = ORIGINALS,
    columns: ColumnSet = "paper",
    data: str | PathLike[str] | None = None,
    cards: Sequence[str | PathLike[str]] = (),
) -> Results:
    """Load the newest run of each system over one task.

    Args:
        runs: folder of runs, which `evaluate(..., out=runs)` or `m2l-bench reconstruct` made.
        task: name of the dataset; default: that of the newest run.
        reference: reference of the Fréchet distances: `originals`, or the name of another measured reference.
        columns: metrics that the table shows: `paper`, `spectral`, `stereo`, `level` or `all`.
        data: folder of the originals, if they were moved.
        cards: folders of further cards, for tasks that are not in this package.

    Raises:
        UserError: there are no runs.

    Example:
        >>> load_results("runs").table()
    """
    folders = [Path(folder) for folder in cards]
    measured = measured_runs(Path(runs), task, reference=reference)
    return Results(measured, reference, data=Path(data) if data else None, cards=folders, columns=columns)
