"""Counts, usage and entropy of codes, held against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2l_bench.metrics.codes import count_codes, entropy_bits, usage
from m2l_bench.tables.codes import ENOUGH_PER_ENTRY

ENTRIES = 1024
DISTRIBUTIONS = {
    "uniform": np.full(ENTRIES, 1 / ENTRIES),
    "geometric": 0.01 * 0.99 ** np.arange(ENTRIES) / (1 - 0.99**ENTRIES),
    "rank": 1 / np.arange(1, ENTRIES + 1) / np.sum(1 / np.arange(1, ENTRIES + 1)),
}


def true_entropy(frequencies: np.ndarray) -> float:
    return float(-np.sum(frequencies * np.log2(frequencies)))


def test_counts_by_hand() -> None:
    codes = np.array([[[0, 0, 2], [1, 1, 1]], [[2, 0, 0], [1, 3, 3]]], np.int16)
    assert count_codes(codes, 4).tolist() == [[4, 0, 2, 0], [0, 4, 0, 2]]


@given(
    frames=st.lists(st.integers(0, 9), min_size=1, max_size=4),
    kind=st.sampled_from([np.uint8, np.int16, np.int32, np.int64]),
)
def test_counts_of_clips_add_up_to_those_of_the_whole(frames: list[int], kind: type) -> None:
    clips = [np.random.default_rng(n).integers(0, 8, (1, 3, n)).astype(kind) for n in frames]
    whole = count_codes(np.concatenate(clips, axis=2), 8)
    assert np.array_equal(sum(count_codes(clip, 8) for clip in clips), whole)
    assert whole.shape == (3, 8) and whole.sum() == 3 * sum(frames)


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        (np.full((1, 2, 3), -1), "codes from -1 to -1: expected 0 to 7"),
        (np.full((1, 2, 3), 8), "codes from 8 to 8"),
        (np.zeros((1, 2, 3), np.float32), "type float32: expected whole numbers"),
        (np.zeros((2, 3), np.int16), r"shape \(2, 3\)"),
    ],
)
def test_what_are_no_codes_is_refused(codes: np.ndarray, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        count_codes(codes, 8)


def test_entropy_of_one_entry_and_of_equal_entries() -> None:
    counts = np.array([[12, 0, 0, 0], [3, 3, 3, 3], [10**9, 10**9, 0, 0]])
    assert entropy_bits(counts) == pytest.approx([0, 2, 1], abs=1e-8)
    assert usage(counts).tolist() == [0.25, 1, 0.5]


def test_entropy_of_a_geometric_distribution() -> None:
    """Half of the codes is the first entry, a quarter the second, and so on: 2 bits, less what the last entry lacks."""
    counts = 2 ** np.arange(40, dtype=np.int64)[None, ::-1]
    assert entropy_bits(counts) == pytest.approx([2], abs=1e-9)


def test_the_correction_is_that_of_miller() -> None:
    """Three entries of 8 codes: 2 / 16 nats more than the entropy of the frequencies, which is 1.5 bits."""
    assert entropy_bits(np.array([[4, 2, 2, 0]])) == pytest.approx([1.5 + 1 / 8 / np.log(2)])


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_entropy_is_nearly_right_from_the_number_of_codes_that_needs_no_note(name: str) -> None:
    frequencies = DISTRIBUTIONS[name]
    counts = np.random.default_rng(0).multinomial(ENOUGH_PER_ENTRY * ENTRIES, frequencies, size=20)
    errors = entropy_bits(counts) - true_entropy(frequencies)
    assert -0.02 < errors.mean() < 0.005
    few = np.random.default_rng(0).multinomial(ENTRIES, frequencies, size=20)
    assert (entropy_bits(few) - true_entropy(frequencies)).mean() < -0.1
