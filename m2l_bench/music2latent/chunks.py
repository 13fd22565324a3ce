"""Long sequences in overlapping chunks: where they begin, and how their results are joined without seams.

Group normalisation averages over a chunk and convolutions see zeros beyond its ends, so neighbouring chunks disagree a
little in their overlap, most of all at the very ends. Positions near an end get no weight there, and the rest of the
overlap is cross-faded linearly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor


def chunk_starts(total: int, size: int, overlap: int) -> list[int]:
    """Return the starts of equally long chunks that cover `total` positions; neighbours share at least `overlap`.

    One chunk, shorter than `size`, where `total` does not exceed it; otherwise all are `size` long.
    """
    if total <= size:
        return [0]
    count = -(-(total - overlap) // (size - overlap))
    return [round(index * (total - size) / (count - 1)) for index in range(count)]


def join(chunks: Iterable[Tensor], starts: list[int], unit: int, margin: int) -> Iterator[Tensor]:
    """Cross-fade chunks into one sequence, and give it in parts as soon as they are final.

    Args:
        chunks: one (..., length) per start, all of the same length.
        starts: in units, see `chunk_starts`.
        unit: positions of the last axis in a unit.
        margin: units at each inner end that get no weight.
    """
    pending: Tensor | None = None  # the tail of the sequence so far, from this chunk's start on
    for index, chunk in enumerate(chunks):
        if pending is not None:
            shared = pending.shape[-1]
            ramp = _ramp(shared, margin * unit, chunk)
            chunk = torch.cat([torch.lerp(pending, chunk[..., :shared], ramp), chunk[..., shared:]], dim=-1)
        if index + 1 == len(starts):
            yield chunk
        else:
            final = (starts[index + 1] - starts[index]) * unit
            yield chunk[..., :final]
            pending = chunk[..., final:]


def _ramp(length: int, margin: int, like: Tensor) -> Tensor:
    """Return a ramp from 0 to 1 over `length` positions, constant for `margin` of them at both ends."""
    position = torch.arange(length, device=like.device, dtype=torch.float32) + 0.5
    return ((position - margin) / (length - 2 * margin)).clamp(0, 1)
