"""How the codes of a codec use its codebooks: counts of entries, usage and entropy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
"""(codebooks, entries): how often each entry of each codebook occurs. Counts of several clips can be added."""


def count_codes(codes: NDArray[Any], entries: int) -> Counts:
    """Count how often each entry of each codebook occurs.

    Args:
        codes: (batch, codebooks, frames), whole numbers from 0 to `entries` - 1.
        entries: number of entries of each codebook.

    Returns:
        (codebooks, entries).

    Raises:
        ValueError: the codes are of another shape, no whole numbers, or no entries of the codebook.
    """
    if codes.ndim != 3 or codes.dtype.kind not in "iu":
        raise ValueError(f"codes of shape {codes.shape} and type {codes.dtype}: expected whole numbers in 3 dimensions")
    if codes.size and not 0 <= codes.min() <= codes.max() < entries:
        raise ValueError(f"codes from {codes.min()} to {codes.max()}: expected 0 to {entries - 1}")
    codebooks = codes.shape[1]
    first_of_codebook = entries * np.arange(codebooks)[:, None]
    places = (codes.astype(np.int64) + first_of_codebook).ravel()
    return np.bincount(places, minlength=codebooks * entries).reshape(codebooks, entries)


def usage(counts: Counts) -> NDArray[np.float64]:
    """Compute the share of the entries of each codebook that occur, (codebooks,), from 0 to 1."""
    share: NDArray[np.float64] = np.mean(counts > 0, axis=1)
    return share


def entropy_bits(counts: Counts) -> NDArray[np.float64]:
    """Estimate the entropy of the codes of each codebook, (codebooks,), in bits per code.

    It is the entropy of the frequencies, which is too low on average, plus the correction of Miller (Note on the bias
    of information estimates, 1955): with m entries that occur and n codes, (m - 1) / 2n nats. The sum is at most that
    of equally frequent entries.

    Args:
        counts: at least one code in each codebook.
    """
    codes = counts.sum(axis=1)
    frequencies = counts / codes[:, None]
    # An entry that does not occur contributes nothing: here 0 * log2(1).
    plain = -np.sum(frequencies * np.log2(np.where(counts > 0, frequencies, 1)), axis=1)
    correction = (np.count_nonzero(counts, axis=1) - 1) / (2 * codes * np.log(2))
    bits: NDArray[np.float64] = np.minimum(plain + correction, np.log2(counts.shape[1]))
    return bits
