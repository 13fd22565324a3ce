"""Output of `agreement` as text: the clips on which metrics disagree most."""

from __future__ import annotations

import pandas as pd
from rich.console import Console

from m2l_bench.console.terminal import table
from m2l_bench.tables.agreement import MOST_ROWS, title_of

READING = (
    "Ranks of clips go from 0 (the worst) to 1 (the best) within a system, and are averaged over systems; "
    "agreement_clips.csv has the three clips that each pair ranks most differently."
)


def print_clips(console: Console, clips: pd.DataFrame) -> None:
    """Print the clip of each of the first pairs whose ranks differ most.

    Args:
        clips: what `tables.disagreement.disagreeing_clips` returns.
    """
    if clips.empty:
        return
    worst = clips.drop_duplicates(["first", "second"]).head(MOST_ROWS)
    worst = worst[["first", "second", "clip", "first_rank", "second_rank"]]
    rows = [
        [title_of(first), title_of(second), id, f"{rank:.2f}", f"{other:.2f}"]
        for first, second, id, rank, other in worst.itertuples(index=False)
    ]
    head = ["Metric", "Other metric", "Clip that they rank most differently", "Rank", "Other"]
    console.print(table("", head, rows))
    console.print(READING, markup=False)
