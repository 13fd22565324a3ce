"""Where chunks begin, and that joining gives back what was cut."""

from __future__ import annotations

import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st

from m2l_bench.music2latent.chunks import chunk_starts, join

SIZES = st.tuples(st.integers(1, 500), st.integers(20, 60), st.integers(1, 19))


@given(SIZES)
def test_chunks_cover_and_overlap(sizes: tuple[int, int, int]) -> None:
    total, size, overlap = sizes
    starts = chunk_starts(total, size, overlap)
    if total <= size:
        assert starts == [0]
        return
    assert starts[0] == 0
    assert starts[-1] == total - size
    steps = [second - first for first, second in itertools.pairwise(starts)]
    assert all(0 < step <= size - overlap for step in steps)
    assert max(steps) - min(steps) <= 1
    assert len(starts) == -(-(total - overlap) // (size - overlap))  # no more than needed


@given(SIZES, st.integers(1, 3))
def test_agreeing_chunks_join_into_the_original(sizes: tuple[int, int, int], unit: int) -> None:
    total, size, overlap = sizes
    original = torch.rand(2, total * unit)
    starts = chunk_starts(total, size, overlap)
    length = min(total, size)
    chunks = (original[:, start * unit : (start + length) * unit] for start in starts)
    parts = list(join(chunks, starts, unit, margin=overlap // 4))
    torch.testing.assert_close(torch.cat(parts, dim=-1), original)


def test_inner_ends_get_no_weight_and_steps_become_ramps() -> None:
    starts = chunk_starts(36, 20, 4)
    chunks = [torch.full((1, 20), float(index)) for index in range(len(starts))]
    for chunk in chunks:
        chunk[:, [0, -1]] = 1000  # what convolutions make of zeros beyond the end
    joined = torch.cat(list(join(chunks, starts, unit=1, margin=1)), dim=-1)[0]
    assert joined.shape == (36,)
    assert joined[1:-1].max() < 1000
    assert (joined[1:-1].diff() >= 0).all()


def test_parts_come_as_soon_as_they_are_final() -> None:
    starts = chunk_starts(100, 20, 4)
    taken = []

    def chunks():
        for start in starts:
            taken.append(start)
            yield torch.zeros(1, 20)

    parts = join(chunks(), starts, unit=1, margin=1)
    assert next(parts).shape[-1] == starts[1]
    assert taken == starts[:1]
