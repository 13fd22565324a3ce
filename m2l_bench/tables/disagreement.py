"""The clips on which two metrics disagree most."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from m2l_bench.metrics.rank_agreement import FEWEST, Values
from m2l_bench.tables.agreement import Agreement

MOST_CLIPS = 3
"""Number of clips of each pair."""
COLUMNS = ("first", "second", "clip", "systems", "first_rank", "second_rank", "difference", "link")


def disagreeing_clips(agreement: Agreement, link: Callable[[str], str] = lambda _: "") -> pd.DataFrame:
    """Find the three clips of each pair whose ranks differ most, in the order of the pairs.

    Within each system the clips that have both metrics are ranked by each, from 0 for the worst to 1 for the best.
    Systems on which one of the two metrics is equal on all clips do not count. A clip's ranks are means over systems.

    Args:
        link: function that gives the address of a clip on a listening page, or an empty text.

    Returns:
        the columns `COLUMNS`: `difference` is `first_rank` minus `second_rank`, and `systems` the number of systems
        that the ranks are means of. Clips with equal ranks are left out.
    """
    position = {name: number for number, name in enumerate(agreement.metrics)}
    records = []
    for first, second in agreement.pairs[["first", "second"]].itertuples(index=False):
        ranks, systems = _mean_ranks(agreement.merits[[position[first], position[second]]])
        difference = ranks[0] - ranks[1]
        order = np.argsort(-np.abs(np.nan_to_num(difference)), kind="stable")
        for clip in order[:MOST_CLIPS]:
            if np.abs(difference[clip]) > 0:
                id, figures = agreement.clips[clip], (*ranks[:, clip], difference[clip])
                records.append((first, second, id, systems[clip], *figures, link(id)))
    return pd.DataFrame(records, columns=list(COLUMNS))


def _mean_ranks(merits: Values) -> tuple[Values, Values]:
    """Average the ranks of clips over systems.

    Args:
        merits: (2, systems, clips).

    Returns:
        mean ranks from 0 to 1, (2, clips), NaN for a clip that no system has both metrics of; and the number of
        systems that each is the mean of, (clips,).
    """
    from scipy.stats import rankdata

    total, number = np.zeros((2, merits.shape[2])), np.zeros(merits.shape[2], int)
    for of_system in merits.transpose(1, 0, 2):
        both = ~np.isnan(of_system).any(axis=0)
        values = of_system[:, both]
        if both.sum() >= FEWEST and (values != values[:, :1]).any(axis=1).all():
            total[:, both] += (rankdata(values, axis=1) - 1) / (both.sum() - 1)
            number[both] += 1
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0), number
