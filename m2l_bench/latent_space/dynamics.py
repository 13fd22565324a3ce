"""How latents move in time, how far the next frame can be predicted, and what a shift of the audio changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from m2l_bench.audio import Audio
from m2l_bench.latent_space.coder import Coder, Latents, Values, mel_distance, relative_error
from m2l_bench.latent_space.distribution import dead
from m2l_bench.latent_space.measures import FRACTIONS

PAST = 4
"""Frames from which the next one is predicted."""
FOLDS = 5
"""Parts of the clips, each predicted by a regression over the others."""
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Penalties of the ridge regression, in units of the number of frames."""
FRAMES_PER_CHANNEL = 4
"""With fewer frames than this per channel, a covariance is not known well enough for a number of bits."""

Numbers = NDArray[np.float64]


def autocorrelation(latents: Latents) -> float:
    """Compute the autocorrelation at lag 1 of a clip (width, frames), a mean over the channels that are not constant.

    Each channel is centred over the clip.
    """
    centred = latents.astype(np.float64) - latents.mean(axis=1, keepdims=True, dtype=np.float64)
    energy = np.sum(centred**2, axis=1)
    alive = energy > 0
    products = np.sum(centred[:, 1:] * centred[:, :-1], axis=1)
    return float(np.mean(products[alive] / energy[alive])) if alive.any() else float("nan")


def spectral_slope(latents: Latents) -> float:
    """Fit the slope of log power over log frequency of a clip (width, frames): 0 for noise, -2 for a random walk.

    The power is that of Hann-windowed, standardised channels, averaged over channels, up to a quarter of the frame
    rate: beyond it, even a random walk is flatter. NaN for fewer than 16 frames.
    """
    frames = latents.shape[1]
    centred = latents.astype(np.float64) - latents.mean(axis=1, keepdims=True, dtype=np.float64)
    deviations = centred.std(axis=1, keepdims=True)
    centred = (centred / np.where(deviations > 0, deviations, 1))[deviations[:, 0] > 0]
    if frames < 16 or not len(centred):
        return float("nan")
    power = np.mean(np.abs(np.fft.rfft(centred * np.hanning(frames + 1)[:-1], axis=1)) ** 2, axis=0)
    bins = np.arange(2, frames // 4)  # the window spreads the mean over the first bins
    return float(np.polyfit(np.log(bins), np.log(np.maximum(power[bins], 1e-300)), 1)[0])


class Prediction(NamedTuple):
    """Frames of a clip, and what a regression over other clips leaves of them, both (frames, width)."""

    centred: Numbers
    """Frames minus the mean of the other clips."""
    residual: Numbers


def predict(clips: Sequence[Latents]) -> list[Prediction]:
    """Predict each frame of each clip (width, frames) from the last ones by ridge regression over other clips.

    Clips are divided into `FOLDS` parts. Of the penalties, the one with the least error on all held-out clips is used.
    Dead channels are left out; clips with too few frames have no predictions. Empty for fewer than two clips.
    """
    alive = ~dead(np.concatenate(clips, axis=1).astype(np.float64))
    pairs = [_pairs(clip[alive].astype(np.float64)) for clip in clips if clip.shape[1] > PAST]
    folds = min(FOLDS, len(pairs))
    if folds < 2 or not alive.any():
        return []
    by_penalty: list[dict[int, Prediction]] = [{} for _ in PENALTIES]
    for fold in range(folds):
        others = [pair for i, pair in enumerate(pairs) if i % folds != fold]
        past, target = (np.concatenate(parts) for parts in zip(*others, strict=True))
        past_mean, target_mean = past.mean(axis=0), target.mean(axis=0)
        scale = past.std(axis=0)
        scale[scale == 0] = 1
        scaled = (past - past_mean) / scale
        values, vectors = np.linalg.eigh(scaled.T @ scaled / len(scaled))
        moved = vectors.T @ (scaled.T @ (target - target_mean) / len(scaled))
        for i in range(fold, len(pairs), folds):
            held_past, held_target = pairs[i]
            centred, inputs = held_target - target_mean, (held_past - past_mean) / scale @ vectors
            for penalty, predictions in zip(PENALTIES, by_penalty, strict=True):
                predicted = inputs @ (moved / (np.maximum(values, 0) + penalty)[:, None])
                predictions[i] = Prediction(centred, centred - predicted)
    best = min(by_penalty, key=lambda predictions: sum(np.sum(p.residual**2) for p in predictions.values()))
    return [best[i] for i in sorted(best)]


def predictable_bits(predictions: Sequence[Prediction]) -> Values:
    """Compute the bits per frame that the last frames tell of the next one, for Gaussian latents.

    It is half of the binary logarithm of the ratio of the determinants of the covariances of frames and of residuals.
    NaN where there are too few frames for a covariance.
    """
    centred, residual = (np.concatenate(parts) for parts in zip(*predictions, strict=True))
    if len(centred) < FRAMES_PER_CHANNEL * centred.shape[1]:
        return {"predictability": float("nan")}
    marginal, left = (np.linalg.slogdet(part.T @ part / len(part))[1] for part in (centred, residual))
    return {"predictability": float((marginal - left) / (2 * np.log(2)))}


def shift_robustness(coder: Coder, audio: Audio) -> Values:
    """Compare the latents and the decoded audio of a clip (channels, samples) with those of its later part.

    The audio begins half a frame, and a quarter of one, later. Latents are compared after the best alignment by whole
    frames; decoded audio is compared with the decoded original from that sample on.
    """
    latents = coder.encode(audio)
    decoded = coder.decode(latents, audio.shape[1])
    values: Values = {}
    for name, part in FRACTIONS.items():
        start = coder.frame // part
        later = audio[:, start:]
        shifted = coder.encode(later)
        values[f"shift_{name}"] = _aligned_error(shifted, latents)
        again = coder.decode(shifted, later.shape[1])
        values[f"shift_{name}_mel"] = mel_distance(decoded[:, start:], again, coder.sample_rate)
    return values


def _aligned_error(shifted: Latents, latents: Latents) -> float:
    """Relative error after moving by one frame back, none, or one ahead, whichever is least."""
    frames = min(shifted.shape[1], latents.shape[1]) - 1
    if frames < 2:
        return float("nan")
    pairs = ((shifted[:, 1:], latents), (shifted, latents), (shifted, latents[:, 1:]))
    return float(np.min([relative_error(first[:, :frames], second[:, :frames]) for first, second in pairs]))


def _pairs(latents: Numbers) -> tuple[Numbers, Numbers]:
    """Past frames (frames, PAST * width) and the frames after them (frames, width)."""
    windows = sliding_window_view(latents, PAST, axis=1)[:, :-1]
    return windows.transpose(1, 2, 0).reshape(windows.shape[1], -1), latents[:, PAST:].T
