"""Differences of systems: against scipy, published examples, and what must hold of any figures."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import bootstrap, wilcoxon
from support.runs import measured_row, run_key, stored_manifest, system_card

from m2l_bench.metrics.bootstrap import bootstrap_interval
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.runs.schema import StoredDistance
from m2l_bench.tables import significance
from m2l_bench.tables.significance import decide, differences, holm, paired_difference

FIGURES = arrays(float, st.integers(2, 8), elements=st.floats(-100, 100))


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals by the thousand: the test of the interval itself takes as many as it wants."""

    def quick(values: np.ndarray) -> tuple[float, float]:
        return bootstrap_interval(values, resamples=200)

    monkeypatch.setattr(significance, "bootstrap_interval", quick)


def measured(name: str, values: dict[str, float], distance: StoredDistance | None = None) -> MeasuredRun:
    """A run with SI-SDR of these clips and, if given, a stored FAD of all of them."""
    rows = [measured_row(id, {"si_sdr_db": value}, frames={"fad": 1}) for id, value in values.items()]
    versions = {"si_sdr_db": "1", **({"fad": "v"} if distance else {})}
    manifest = stored_manifest(run_key(name, metric_versions=versions), system_card())
    return MeasuredRun(name, Path(name), manifest, rows, {"fad": distance} if distance else {})


def by_clip(values: np.ndarray) -> dict[str, float]:
    return {f"clip{i:03}": float(value) for i, value in enumerate(values)}


def test_interval_and_p_are_those_of_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(significance, "bootstrap_interval", bootstrap_interval)
    rng = np.random.default_rng(0)
    first = rng.normal(3, 4, 30)
    second = first + rng.normal(0.8, 1, 30)
    difference = paired_difference(first, second)
    theirs = bootstrap((first - second,), np.mean, method="percentile", n_resamples=10_000, rng=1).confidence_interval
    assert difference["difference"] == pytest.approx(first.mean() - second.mean())
    assert difference["low"] == pytest.approx(theirs.low, abs=0.03) and difference["high"] == pytest.approx(
        theirs.high, abs=0.03
    )
    assert difference["p"] == wilcoxon(first, second).pvalue


def test_darwins_maize() -> None:
    """Heights of crossed less self-fertilised plants (Fisher, The Design of Experiments): p 0.0413, exactly."""
    plants = np.array([6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75], float)
    assert paired_difference(plants, np.zeros(15))["p"] == pytest.approx(0.041259765625)


def test_holm_by_hand() -> None:
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    corrected = holm(np.array([0.02, np.nan, 0.5]))
    assert corrected[[0, 2]] == pytest.approx([0.04, 0.5]) and np.isnan(corrected[1]), "a pair without a test is none"
    assert holm(np.array([])).size == 0


@given(arrays(float, st.integers(1, 20), elements=st.floats(0, 1)))
def test_holm_never_lowers_a_p_and_keeps_their_order(p: np.ndarray) -> None:
    corrected = holm(p)
    assert (corrected >= p).all() and (corrected <= 1).all() and (corrected <= p * len(p) + 1e-12).all()
    assert (np.diff(corrected[np.argsort(p)]) >= 0).all()


@settings(max_examples=25)
@given(FIGURES, st.integers(0, 2**32 - 1))
def test_the_other_way_round_is_the_same_with_the_sign_changed(first: np.ndarray, seed: int) -> None:
    second = np.random.default_rng(seed).permutation(first) + 1
    one, other = paired_difference(first, second), paired_difference(second, first)
    assert one["difference"] == pytest.approx(-other["difference"], abs=1e-9)
    assert (one["low"], one["high"]) == pytest.approx((-other["high"], -other["low"]), abs=1e-9)
    assert one["p"] == pytest.approx(other["p"])


@settings(max_examples=25)
@given(FIGURES)
def test_a_system_does_not_differ_from_itself(figures: np.ndarray) -> None:
    difference = paired_difference(figures, figures)
    assert (difference["difference"], difference["low"], difference["high"], difference["p"]) == (0, 0, 0, 1)
    runs = [measured("a", by_clip(figures)), measured("b", by_clip(figures))]
    assert differences(runs)["better"].tolist() == [""]


def test_exact_copies_are_infinitely_better_and_equal_to_each_other() -> None:
    infinite, finite = np.full(8, np.inf), np.arange(8.0)
    assert paired_difference(infinite, infinite)["p"] == 1
    table = differences([measured("copy", by_clip(infinite)), measured("codec", by_clip(finite))])
    assert table.loc[0, ["difference", "low", "high", "better"]].tolist() == [np.inf, np.inf, np.inf, "copy"]
    assert table.loc[0, "p"] == 2 / 2**8


def test_only_clips_that_both_have_count() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0, 1, 12)
    one = by_clip(values)
    other = {id: value - 2 for id, value in one.items()} | {"other": 900.0}
    one["mine"] = -900.0
    row = differences([measured("a", one), measured("b", other)]).loc[0]
    assert (row["clips"], row["difference"], row["better"]) == (12, pytest.approx(2), "a")
    assert differences([measured("a", {"x": 1.0}), measured("b", {"y": 1.0})]).empty


def test_interval_and_test_must_agree() -> None:
    """Eighteen clips a little better, two far worse: the test sees the many, the mean the few."""
    values = np.array([*np.linspace(1, 2, 18), -60, -70])
    row = differences([measured("a", by_clip(values)), measured("b", by_clip(np.zeros(20)))]).loc[0]
    assert row["p_holm"] < 0.05 and row["low"] < 0 < row["high"] and row["better"] == ""


def test_five_clips_decide_nothing_and_six_may() -> None:
    for clips, better in ((5, ""), (6, "a")):
        runs = [measured("a", by_clip(np.arange(1.0, clips + 1))), measured("b", by_clip(np.zeros(clips)))]
        assert differences(runs)["better"].tolist() == [better]


def test_lower_is_better_where_the_metric_says_so() -> None:
    frame = pd.DataFrame({"first": ["a"], "second": ["b"], "low": [1.0], "high": [2.0], "p": [0.001]})
    assert decide(frame, higher_is_better=True)["better"].tolist() == ["a"]
    assert decide(frame, higher_is_better=False)["better"].tolist() == ["b"]


def test_the_correction_is_over_the_pairs_of_a_metric() -> None:
    rng = np.random.default_rng(2)
    runs = [measured(f"s{i}", by_clip(rng.normal(0.2 * i, 1, 20))) for i in range(4)]
    table = differences(runs)
    assert len(table) == 6
    assert table["p_holm"].tolist() == pytest.approx(holm(table["p"].to_numpy()).tolist())


def test_distances_are_compared_on_the_same_resamples() -> None:
    rng = np.random.default_rng(3)
    common = rng.normal(0, 5, 200)  # both depend on which clips are drawn, and hardly differ in it
    values = by_clip(np.zeros(10))

    def stored(value: float, resampled: np.ndarray | None) -> StoredDistance:
        numbers = None if resampled is None else resampled.tolist()
        return StoredDistance(digest="", reference_digest="", value=value, clips=10, resampled=numbers)

    runs = [
        measured("near", values, stored(2.0, 2.3 + common)),
        measured("far", values, stored(3.0, 3.4 + common + rng.normal(0, 0.1, 200))),
        measured("other", by_clip(np.zeros(9)), stored(1.0, 1 + common)),
        measured("few", values, stored(1.0, np.zeros(0))),
        measured("old", values, stored(1.0, None)),
    ]
    table = differences(runs)
    table = table[table["metric"] == "fad"].reset_index(drop=True)
    assert table[["first", "second", "difference", "better"]].to_numpy().tolist() == [["near", "far", -1.0, "near"]]
    assert -1.3 < table.loc[0, "low"] < -1.1 and -0.9 < table.loc[0, "high"] < -0.7
    assert np.isnan(table.loc[0, "p"]) and np.isnan(table.loc[0, "p_holm"])
