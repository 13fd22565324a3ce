"""The unbiased estimate against its definition, term by term, and what drawing clips again and again makes of it."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from m2l_bench.metrics import vector_samples
from m2l_bench.metrics.frechet_resampling import bootstrap_interval, draw_clips
from m2l_bench.metrics.kernel_distance import kernel_audio_distance, kernel_audio_distances

DIM = 8


def by_definition(x: np.ndarray, y: np.ndarray, width: float | None = None) -> float:
    width = width or float(np.median(pdist(x)))
    within = [(np.exp(-(cdist(z, z) ** 2) / (2 * width**2)).sum() - len(z)) / (len(z) * (len(z) - 1)) for z in (x, y)]
    return float(100 * (sum(within) - 2 * np.exp(-(cdist(x, y) ** 2) / (2 * width**2)).mean()))


def clips(rng: np.random.Generator, count: int, mean: float = 0.0, frames: int = 4) -> list[np.ndarray]:
    """Vectors of a clip share an offset, as real ones do: within-clip and between-clip variance are 0.5 each."""
    offsets = rng.standard_normal((count, 1, DIM)) * np.sqrt(0.5)
    return list(mean + offsets + rng.standard_normal((count, frames, DIM)) * np.sqrt(0.5))


def resampled(reference: list[np.ndarray], evaluated: list[np.ndarray], *, paired: bool) -> np.ndarray:
    counts, reference_counts = draw_clips(len(evaluated), None if paired else len(reference))
    return kernel_audio_distances(reference, evaluated, reference_counts, counts, paired=paired)


def test_it_is_the_definition() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((1500, 6)), 0.2 + 1.1 * rng.standard_normal((1300, 6))
    assert kernel_audio_distance(np.split(x, 100), np.split(y, 130)) == pytest.approx(by_definition(x, y), rel=1e-9)


@pytest.mark.parametrize("block", [3, 256])
def test_a_draw_is_the_definition_on_the_repeated_clips(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(vector_samples, "BLOCK", block)
    rng = np.random.default_rng(0)
    x, y = ([rng.standard_normal((n, 3)) for n in lengths] for lengths in ((4, 1, 3, 2), (2, 5, 1)))
    width = float(np.median(pdist(np.concatenate(x))))
    x_counts, y_counts = rng.integers(0, 4, (6, 4)), rng.integers(1, 3, (6, 3))
    x_counts[:, 0] = 1  # one draw without any clip would have no vectors
    for distance, *counts in zip(
        kernel_audio_distances(x, y, x_counts, y_counts, paired=False), x_counts, y_counts, strict=True
    ):
        repeated = [
            np.concatenate([clip for clip, times in zip(drawn, row, strict=True) for _ in range(times)])
            for drawn, row in zip((x, y), counts, strict=True)
        ]
        assert distance == pytest.approx(by_definition(*repeated, width), abs=1e-9)


def test_samples_of_one_distribution_scatter_about_zero() -> None:
    rng = np.random.default_rng(1)
    distances = [
        kernel_audio_distance([rng.standard_normal((60, 4))], [rng.standard_normal((60, 4))]) for _ in range(200)
    ]
    assert abs(np.mean(distances)) < 4 * np.std(distances) / np.sqrt(len(distances))
    assert min(distances) < 0 < max(distances)


def test_the_interval_covers_the_distances_of_fresh_samples() -> None:
    """It is about as wide as the scatter of repeated experiments, and duplicates of clips do not move it."""
    rng = np.random.default_rng(2)
    measured, intervals = [], []
    for _ in range(60):
        reference = clips(rng, 40)
        evaluated = [clip + 0.5 + 0.3 * rng.standard_normal(clip.shape) for clip in reference]
        measured.append(kernel_audio_distance(reference, evaluated, paired=True))
        intervals.append(bootstrap_interval(resampled(reference, evaluated, paired=True), measured[-1]))
    low, high = np.transpose(intervals)
    spread = np.percentile(measured, 97.5) - np.percentile(measured, 2.5)
    assert 0.6 * spread < np.mean(high - low) < 1.6 * spread
    covered = np.mean((low < np.mean(measured)) & (np.mean(measured) < high))
    assert covered > 0.75  # 0.82 in 300 experiments: with so few clips the interval is a quarter too narrow


def test_without_the_correction_duplicates_would_raise_the_distance() -> None:
    rng = np.random.default_rng(3)
    reference, evaluated = clips(rng, 30), clips(rng, 30, 0.3)
    assert resampled(reference, evaluated, paired=False).mean() > kernel_audio_distance(reference, evaluated) + 0.5


def test_paired_clips_are_drawn_together() -> None:
    rng = np.random.default_rng(4)
    originals = clips(rng, 40)
    widths = [np.ptp(bootstrap_interval(resampled(originals, originals, paired=p), 0.0)) for p in (True, False)]
    assert widths[0] < 1e-9 < widths[1]


def test_copies_are_at_zero_however_few_and_a_vector_is_not_compared_with_its_own_reconstruction() -> None:
    rng = np.random.default_rng(6)
    originals = clips(rng, 4, frames=3)
    assert kernel_audio_distance(originals, originals, paired=True) == pytest.approx(0, abs=1e-9)
    coded = [clip[: 3 - i % 2] + 0.4 * rng.standard_normal((3 - i % 2, DIM)) for i, clip in enumerate(originals)]
    x, y, width = np.concatenate(originals), np.concatenate(coded), float(np.median(pdist(np.concatenate(originals))))
    own = [row for i, clip in enumerate(coded) for row in 3 * i + np.arange(len(clip))]
    across = np.exp(-(cdist(x, y) ** 2) / (2 * width**2))
    within = [np.exp(-(pdist(z) ** 2) / (2 * width**2)).mean() for z in (x, y)]
    others = (across.sum() - across[own, np.arange(len(y))].sum()) / (across.size - len(y))
    assert kernel_audio_distance(originals, coded, paired=True) == pytest.approx(100 * (sum(within) - 2 * others))


def test_pairs_of_one_distribution_scatter_about_zero() -> None:
    """Though a reconstruction resembles its original, which would otherwise lower the distance."""
    rng, distances = np.random.default_rng(7), []
    for _ in range(200):
        originals = list(rng.standard_normal((12, 1, DIM)))
        coded = [0.9 * clip + np.sqrt(1 - 0.81) * rng.standard_normal((1, DIM)) for clip in originals]
        distances.append(kernel_audio_distance(originals, coded, paired=True))
    assert abs(np.mean(distances)) < 4 * np.std(distances) / np.sqrt(len(distances))
    assert np.mean([kernel_audio_distance(originals, coded)]) < -1


def test_pairs_of_large_sets_are_those_in_both_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    x = list(rng.standard_normal((300, 10, 4)))
    y = [clip + 0.5 for clip in x]
    whole = kernel_audio_distance(x, y, paired=True)
    monkeypatch.setattr(vector_samples, "MAXIMUM_FRAMES", 500)
    assert kernel_audio_distance(x, y, paired=True) == pytest.approx(whole, rel=0.2)


def test_of_large_sets_a_sample_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((3000, 4)), 1 + rng.standard_normal((3000, 4))
    whole = kernel_audio_distance([x], [y])
    monkeypatch.setattr(vector_samples, "MAXIMUM_FRAMES", 500)
    assert kernel_audio_distance(np.split(x, 300), [y]) == pytest.approx(whole, rel=0.1)


def test_vectors_of_a_sample_are_counted_with_their_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where clips, here many of one vector, have none in the sample."""
    rng = np.random.default_rng(5)
    x, y = ([rng.standard_normal((1, 3)) for _ in range(60)] for _ in range(2))
    monkeypatch.setattr(vector_samples, "MAXIMUM_FRAMES", 20)
    vectors, indices, _ = vector_samples.sample_vectors(x, np.random.default_rng(0))
    assert len(vectors) == 20 and all((x[i] == row).all() for i, row in zip(indices, vectors, strict=True))
    counts = np.full((1, 60), 2)
    assert np.isfinite(kernel_audio_distances(x, y, counts, counts, paired=False)).all()


def test_what_has_no_distance_is_explained() -> None:
    vectors = np.random.default_rng(3).standard_normal((5, 3))
    for reference, evaluated, message in [
        ([vectors], [vectors[:1]], "two vectors needed"),
        ([vectors], [], "no vectors in a set"),
        ([vectors], [vectors[:, :2]], "vectors of 3 and of 2 numbers"),
        ([vectors, vectors[:, :2]], [vectors], "vectors of 3 and of 2 numbers in one set"),
        ([np.ones((5, 3))], [vectors], "most vectors of the reference are equal"),
        ([vectors], [vectors * np.nan], "NaN or infinite values"),
    ]:
        with pytest.raises(ValueError, match=message):
            kernel_audio_distance(reference, evaluated)
