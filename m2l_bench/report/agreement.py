"""Agreement of metrics as a page shows it: a heat map, the pairs that agree least, and clips to hear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from m2l_bench.errors import UserError
from m2l_bench.listen.pages import ListeningPage
from m2l_bench.listen.ratings import read_ratings
from m2l_bench.metrics.column_sets import ColumnSet
from m2l_bench.progress import Progress
from m2l_bench.report.figures import Figure, agreement_figures
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.tables.agreement import COLUMNS, agreement_of, agreement_table, paired_metrics, shortened, title_of
from m2l_bench.tables.disagreement import disagreeing_clips
from m2l_bench.tables.formats import cell, frame_to_csv, to_csv


@dataclass(frozen=True)
class ClipLink:
    """A clip that two metrics rank differently: its ranks by both, and its address on a listening page, or empty."""

    id: str
    first_rank: str
    second_rank: str
    address: str


@dataclass(frozen=True)
class Pair:
    """Two metrics, and the clips that they rank most differently."""

    first: str
    second: str
    correlations: list[tuple[str, str]]
    """Value and interval of each, over systems and over clips."""
    clips: list[ClipLink]


@dataclass(frozen=True)
class AgreementPart:
    """The part of a section about the agreement of metrics."""

    caption: str
    headers: list[str]
    """Titles of the columns of correlations."""
    pairs: list[Pair]
    figures: list[Figure]
    notes: list[str]
    csv: str
    """All pairs, as `m2l-bench agreement` writes them."""
    clips_csv: str


def agreement_part(
    runs: Sequence[MeasuredRun],
    dataset: str,
    columns: ColumnSet,
    page: ListeningPage | None,
    answers: Sequence[Path],
    progress: Progress,
) -> AgreementPart | None:
    """Make the part; None where fewer than two metrics of the set have a value for each clip.

    Args:
        page: listening page to link to.
        answers: CSV files with answers of a MUSHRA test.

    Raises:
        UserError: the answers cannot be read, or are not about these runs.
    """
    ratings = read_ratings(answers, runs) if answers else None
    try:
        agreement = agreement_of(runs, paired_metrics(runs, columns), ratings.scores if ratings else None, progress)
    except UserError:
        return None
    table = agreement_table(agreement, dataset, ratings.notes if ratings else ())
    shown = shortened(table, "agreement.csv")
    clips = disagreeing_clips(agreement, page.address_or_nothing if page else lambda _: "")
    return AgreementPart(
        shown.caption,
        [column.header for column in COLUMNS],
        [_pair(record, clips) for record in shown.data.to_dict("records")],
        agreement_figures(agreement),
        shown.notes,
        to_csv(table),
        frame_to_csv(clips, "%.4f"),
    )


def _pair(record: Mapping[Any, Any], clips: pd.DataFrame) -> Pair:
    of_pair = clips[(clips["first"] == record["first"]) & (clips["second"] == record["second"])]
    links = [
        ClipLink(clip["clip"], f"{clip['first_rank']:.2f}", f"{clip['second_rank']:.2f}", clip["link"])
        for clip in of_pair.to_dict("records")
    ]
    correlations = [cell(record, column).partition(" ")[::2] for column in COLUMNS]
    return Pair(title_of(record["first"]), title_of(record["second"]), correlations, links)
