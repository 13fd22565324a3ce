"""What is measured of two sets, and that bad input is an explained gap and never a warning."""

from __future__ import annotations

import numpy as np
import pytest

from m2l_bench.distances.measure import Distance, measure
from m2l_bench.metrics.frechet import statistics
from m2l_bench.metrics.kernel_distance import kernel_audio_distance

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def clips(count: int, frames: int = 4, dim: int = 3, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).standard_normal((count, frames, dim)).astype(np.float32))


def noisy(originals: list[np.ndarray]) -> list[np.ndarray]:
    return [clip + 0.3 * noise for clip, noise in zip(originals, clips(len(originals), seed=9), strict=True)]


def has_note(distance: Distance, text: str) -> bool:
    return any(text in note for note in distance.notes)


def test_everything_is_measured_of_two_good_sets() -> None:
    originals = clips(12)
    distance = measure(originals, noisy(originals), paired=True)
    assert distance.kernel == pytest.approx(kernel_audio_distance(originals, noisy(originals), paired=True), rel=1e-9)
    assert distance.kernel_low is not None and distance.kernel_high is not None
    assert distance.kernel_low < distance.kernel < distance.kernel_high
    assert len(distance.kernel_resampled) == len(distance.resampled) == 200
    figures = (distance.precision, distance.recall, distance.density, distance.coverage)
    assert all(figure is not None and figure > 0.5 for figure in figures) and not distance.has_few_vectors


def test_one_clip_has_no_interval() -> None:
    distance = measure(clips(1, 8), clips(1, 8, seed=1), paired=True)
    assert distance.kernel is not None and distance.kernel_low is distance.kernel_high is None
    assert distance.kernel_resampled == [] and distance.coverage is not None
    assert has_note(distance, "no interval and no extrapolation: 1 clip, eight are needed")


def test_silence_and_other_equal_vectors() -> None:
    silent = [np.zeros((4, 3), np.float32)] * 9
    distance = measure(silent, silent, paired=True)
    assert distance.value == 0 and distance.kernel is distance.coverage is None
    assert has_note(distance, "no kernel distance: most vectors of the reference are equal")
    assert has_note(distance, "no density and coverage: most vectors of the reference are equal")
    distance = measure(clips(9), silent, paired=True)
    assert distance.value > 0 and distance.kernel is not None and distance.recall == 0


def test_fewer_than_six_vectors() -> None:
    distance = measure(clips(1, 5), clips(1, 5, seed=1), paired=True)
    assert distance.value > 0 and distance.kernel is not None and distance.density is None
    assert has_note(distance, "no density and coverage: 6 vectors needed in each set, got 5 and 5")


def test_no_more_vectors_than_dimensions() -> None:
    few = clips(9, 1, 9)
    assert measure(few, clips(9, 1, 9, seed=1), paired=True).has_few_vectors
    assert measure(clips(10, 1, 9), few, paired=False).has_few_vectors
    assert not measure(clips(10, 1, 9), clips(10, 1, 9, seed=1), paired=True).has_few_vectors


def test_only_statistics_of_the_reference() -> None:
    distance = measure(statistics(clips(9)), clips(9, seed=1), paired=False)
    assert distance.value > 0 and distance.kernel is distance.density is None and distance.kernel_resampled == []
    assert has_note(distance, "no kernel distance, density and coverage: the reference is known by its mean")


@pytest.mark.parametrize(
    ("reference", "evaluated", "message"),
    [
        (clips(9), clips(9, dim=4), "vectors of 3 and of 4 numbers cannot be compared"),
        (clips(9), [*clips(8), np.full((4, 3), np.nan)], "NaN or infinite values"),
        (clips(9), clips(1, 1), "two vectors needed for a covariance, got 1"),
    ],
)
def test_what_cannot_be_measured_at_all(reference: list, evaluated: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure(reference, evaluated, paired=False)
