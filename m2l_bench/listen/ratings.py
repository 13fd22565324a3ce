"""MUSHRA scores by run and clip, for comparison with metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from m2l_bench.errors import UserError
from m2l_bench.listen.answers import Rating, read_answers
from m2l_bench.listen.gather import ORIGINAL_AGAIN
from m2l_bench.listen.roles import HIDDEN_REFERENCE
from m2l_bench.listen.statistics import excluded_listeners
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.text import counted


@dataclass(frozen=True)
class MeanRatings:
    """Means over listeners."""

    scores: dict[str, dict[str, float]]
    """Mean score, 0 to 100, by name of the run and clip id."""
    notes: list[str]


def read_ratings(paths: Iterable[Path], runs: Sequence[MeasuredRun]) -> MeanRatings:
    """Average the MUSHRA scores of these runs over the listeners that BS.1534 accepts.

    The scores of the hidden reference belong to the run that repeats the original, if there is one.

    Args:
        paths: CSV files of answers.

    Raises:
        UserError: a file cannot be read, or none of the ratings is about a clip of these runs.
    """
    answers = read_answers(paths)
    excluded = excluded_listeners(answers.mushra)
    accepted = [rating for rating in answers.mushra if rating.listener not in excluded]
    scores = {run.name: scores for run in runs if (scores := _mean_scores(run, accepted))}
    if not scores:
        raise UserError(f"{', '.join(map(str, paths))}: no MUSHRA ratings of these runs by a listener who counts")
    listeners = len({rating.listener for rating in accepted})
    notes = [f"MUSHRA: mean scores of {counted(listeners, 'listener')}; the intervals are over clips alone"]
    notes += [f"MUSHRA: {listener} does not count: {reason}" for listener, reason in excluded.items()]
    return MeanRatings(scores, [*notes, *answers.notes])


def _mean_scores(run: MeasuredRun, ratings: Sequence[Rating]) -> dict[str, float]:
    """Average the scores of a run by clip, over the clips that it was measured on."""
    repeats_original = run.manifest.card.adapter == ORIGINAL_AGAIN
    clips = {row.id for row in run.measured}
    scores: dict[str, list[float]] = {}
    for rating in ratings:
        is_original = rating.role == HIDDEN_REFERENCE
        if rating.clip in clips and (repeats_original if is_original else rating.system == run.name):
            scores.setdefault(rating.clip, []).append(rating.score)
    return {clip: float(np.mean(own)) for clip, own in scores.items()}
