"""Statistics of blind tests: binomial tests for ABX; means over the listeners that BS.1534 accepts for MUSHRA."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from m2l_bench.listen.answers import AbxTrial, Rating
from m2l_bench.listen.roles import HIDDEN_REFERENCE
from m2l_bench.text import counted

RECOGNISED = 90.0
"""Lowest score that recognises the hidden reference (ITU-R BS.1534-3, post-screening of assessors)."""
LARGEST_SHARE = 0.15
"""Largest share of items on which an accepted listener may rate the hidden reference lower."""
EVERYBODY = "all listeners"


@dataclass(frozen=True)
class AbxResult:
    """Number of correct answers, and the probability that guessing gives as many or more."""

    pair: tuple[str, str]
    listener: str
    correct: int
    trials: int
    p: float
    """p value of a one-sided binomial test against guessing."""


@dataclass(frozen=True)
class MushraResult:
    """Mean score of a system over all ratings, 95 % interval by Student's t; NaN for fewer than two ratings."""

    system: str
    role: str
    ratings: int
    mean: float
    low: float
    high: float


def binomial_p(correct: int, trials: int) -> float:
    """Compute the probability of at least this many correct answers by guessing, as page/statistics.js does.

    It is the one-sided binomial test with probability 1/2, in whole numbers: both give the same float.
    """
    return sum(math.comb(trials, count) for count in range(correct, trials + 1)) / (1 << trials)


def abx_results(trials: Sequence[AbxTrial]) -> list[AbxResult]:
    """Count correct answers, one result per pair and listener, and one for all listeners where there are several."""
    results = []
    for pair in dict.fromkeys(trial.pair for trial in trials):
        pair_trials = [trial for trial in trials if trial.pair == pair]
        listeners = list(dict.fromkeys(trial.listener for trial in pair_trials))
        groups = [(listener, [trial for trial in pair_trials if trial.listener == listener]) for listener in listeners]
        if len(listeners) > 1:
            groups.append((EVERYBODY, pair_trials))
        for listener, group in groups:
            correct = sum(trial.correct for trial in group)
            results.append(AbxResult(pair, listener, correct, len(group), binomial_p(correct, len(group))))
    return results


def unfinished(trials: Sequence[AbxTrial]) -> list[str]:
    """Name sessions that stopped early: a p value is valid only if the number of trials was fixed beforehand."""
    done = Counter(trial.session for trial in trials)
    last_trial = {trial.session: trial for trial in trials}
    return [
        f"{trial.listener or 'a listener'}: stopped after {done[session]} of {counted(trial.planned, 'trial')}: p is "
        "too small if the result was the reason"
        for session, trial in last_trial.items()
        if done[session] < trial.planned
    ]


def excluded_listeners(ratings: Sequence[Rating]) -> dict[str, str]:
    """Find listeners who rate the hidden reference below 90 on more than 15 % of the items, with the reason."""
    scores: dict[str, list[float]] = {}
    for rating in ratings:
        if rating.role == HIDDEN_REFERENCE:
            scores.setdefault(rating.listener, []).append(rating.score)
    missed = {listener: sum(score < RECOGNISED for score in own) for listener, own in scores.items()}
    return {
        listener: f"rated the hidden reference below {RECOGNISED:g} on {missed[listener]} of "
        + counted(len(own), "item")
        for listener, own in scores.items()
        if missed[listener] > LARGEST_SHARE * len(own)
    }


def mushra_results(ratings: Sequence[Rating], excluded: dict[str, str]) -> list[MushraResult]:
    """Compute mean scores over the listeners that are not excluded, the highest first."""
    accepted = [rating for rating in ratings if rating.listener not in excluded]
    results = []
    for system, role in dict.fromkeys((rating.system, rating.role) for rating in accepted):
        scores = np.array([rating.score for rating in accepted if (rating.system, rating.role) == (system, role)])
        half = _half_width(scores)
        mean = float(scores.mean())
        results.append(MushraResult(system, role, len(scores), mean, mean - half, mean + half))
    return sorted(results, key=lambda result: -result.mean)


def _half_width(scores: np.ndarray) -> float:
    """Half of the width of the 95 % interval; NaN for fewer than two scores."""
    if len(scores) < 2:
        return math.nan
    from scipy.stats import t

    return float(t.ppf(0.975, len(scores) - 1) * scores.std(ddof=1) / math.sqrt(len(scores)))
