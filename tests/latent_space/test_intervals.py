import numpy as np
import pytest

from m2l_bench.latent_space.intervals import GROUPS, over_clips, over_set
from m2l_bench.latent_space.measures import DRAWN, MEASURES


def test_of_a_mean_the_jackknife_is_students_interval() -> None:
    values = np.random.default_rng(0).standard_normal(GROUPS)
    figure = over_set(lambda clips: {"mean": float(np.mean(clips))}, list(values))["mean"]
    half = 2.093 * values.std(ddof=1) / np.sqrt(GROUPS)
    assert figure.value == pytest.approx(values.mean())
    assert (figure.low, figure.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=1e-3)
    assert figure.clips == GROUPS


def test_many_clips_are_left_out_in_groups() -> None:
    sizes = []

    def measure(clips: list[int]) -> dict[str, float]:
        sizes.append(len(clips))
        return {"n": 0.0}

    over_set(measure, list(range(100)))
    assert sizes == [100, *[95] * GROUPS]


def test_one_clip_has_a_value_and_no_interval() -> None:
    for figure in (over_clips([2.0]), over_set(lambda clips: {"a": 2.0}, [0])["a"]):
        assert figure.value == 2 and np.isnan([figure.low, figure.high]).all() and figure.clips == 1


def test_clips_without_a_value_are_left_out() -> None:
    figure = over_clips([1.0, np.nan, 3.0])
    assert (figure.value, figure.clips) == (2, 2)
    assert over_clips([np.nan]).clips == 0


def test_measures_that_are_shown_have_short_titles() -> None:
    assert all(MEASURES[name].short for name in DRAWN)
    assert len({measure.title for measure in MEASURES.values()}) == len(MEASURES)
