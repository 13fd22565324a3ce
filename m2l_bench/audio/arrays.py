"""Resampling, downmixing and cutting of audio.

Arrays are (channels, samples) float32; full scale is 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]
"""(channels, samples) float32; full scale is 1."""


def resample(audio: Audio, rate: int, target_rate: int) -> Audio:
    """Resample (channels, samples) with soxr's high-quality filter; the result has at least one sample."""
    if rate == target_rate:
        return audio
    import soxr

    # One channel at a time: of several with a single sample, soxr refuses some layouts, with some versions of NumPy.
    channels = [soxr.resample(channel, rate, target_rate, quality="HQ") for channel in audio]
    resampled = np.stack(channels, dtype=np.float32)
    return fit_length(resampled, max(1, resampled.shape[1]))


def resample_blocks(blocks: Iterable[Audio], rate: int, target_rate: int) -> Iterator[Audio]:
    """Resample blocks (channels, samples) of one audio; all that is yielded equals `resample` of the whole."""
    if rate == target_rate:
        yield from blocks
        return
    import soxr

    stream = previous = None
    for block in blocks:
        stream = stream or soxr.ResampleStream(rate, target_rate, len(block), dtype="float32", quality="HQ")
        if previous is not None:
            yield np.ascontiguousarray(stream.resample_chunk(previous).T)
        previous = np.ascontiguousarray(block.T, dtype=np.float32)
    if stream is not None:
        yield np.ascontiguousarray(stream.resample_chunk(previous, last=True).T)


def to_mono(audio: Audio) -> Audio:
    """Average the channels to (1, samples)."""
    return audio if audio.shape[0] == 1 else audio.mean(axis=0, keepdims=True)


def fit_length(audio: Audio, samples: int) -> Audio:
    """Cut (channels, samples) at the end, or pad it there with zeros, to exactly `samples`."""
    if audio.shape[1] >= samples:
        return audio[:, :samples]
    return np.pad(audio, ((0, 0), (0, samples - audio.shape[1])))
