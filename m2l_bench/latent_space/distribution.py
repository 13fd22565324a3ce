"""How latents are distributed, over all frames of all clips, whatever their order in time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from m2l_bench.latent_space.coder import Latents, Values

PROJECTIONS = 128
"""Random directions of the sliced distance."""
MOST_FRAMES = 20_000
"""Frames, evenly spaced, of which the sliced distance is computed."""
DEAD = 0.01
"""A channel is dead if its standard deviation is at most this share of the root mean square of all channels'."""

Numbers = NDArray[np.float64]


def distribution(clips: Sequence[Latents]) -> Values:
    """Measure the latents of clips, each (width, frames), together."""
    frames = np.concatenate(clips, axis=1).astype(np.float64)
    mean, deviation, skewness, kurtosis = moments(frames.ravel())
    return {
        "mean": float(mean),
        "deviation": float(deviation),
        "skewness": float(skewness),
        "kurtosis": float(kurtosis),
        "gaussian_distance": gaussian_distance(frames),
        "effective_rank": effective_rank(spectrum(frames)),
        "dead_channels": float(np.count_nonzero(dead(frames))),
    }


def by_channel(clips: Sequence[Latents]) -> dict[str, list[float | None]]:
    """Measure each channel by itself; also the spectrum of the covariance, from the largest eigenvalue.

    None stands for the skewness and the kurtosis of a channel that is constant.
    """
    frames = np.concatenate(clips, axis=1).astype(np.float64)
    named = dict(zip(("mean", "deviation", "skewness", "kurtosis"), moments(frames), strict=True))
    named["spectrum"] = spectrum(frames)
    return {name: [float(x) if np.isfinite(x) else None for x in values] for name, values in named.items()}


def moments(numbers: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Compute mean, standard deviation, skewness and excess kurtosis along the last axis."""
    mean = numbers.mean(axis=-1)
    centred = numbers - mean[..., None]
    variance = np.mean(centred**2, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        skewness = np.mean(centred**3, axis=-1) / variance**1.5
        kurtosis = np.mean(centred**4, axis=-1) / variance**2 - 3
    return mean, np.sqrt(variance), skewness, kurtosis


def spectrum(frames: Numbers) -> Numbers:
    """Compute the eigenvalues of the covariance of (width, frames), from the largest; none is below zero."""
    values: Numbers = np.linalg.eigvalsh(np.atleast_2d(np.cov(frames, bias=True)))[::-1]
    return np.maximum(values, 0.0)


def effective_rank(eigenvalues: Numbers) -> float:
    """Compute exp of the entropy of the normalised eigenvalues (Roy and Vetterli 2007); NaN if all are zero."""
    total = eigenvalues.sum()
    if total <= 0:
        return float("nan")
    shares = eigenvalues[eigenvalues > 0] / total
    return float(np.exp(-np.sum(shares * np.log(shares))))


def dead(frames: Numbers) -> NDArray[np.bool_]:
    """Tell which channels of (width, frames) are dead; if no channel changes, all are."""
    deviations = frames.std(axis=1)
    is_dead: NDArray[np.bool_] = deviations <= DEAD * np.sqrt(np.mean(deviations**2))
    return is_dead


def gaussian_distance(frames: Numbers) -> float:
    """Compute the sliced Wasserstein-1 distance of standardised frames (width, frames) to a Gaussian.

    Each channel is standardised, and channels that are constant are left out. Along each direction the distance to the
    standard normal distribution is that of sorted values to its quantiles; the result is the mean over directions,
    which are scaled to length one over the channels that are left.
    """
    deviations = frames.std(axis=1)
    alive = deviations > 0
    if not alive.any():
        return float("nan")
    step = -(-frames.shape[1] // MOST_FRAMES)
    standardised = ((frames - frames.mean(axis=1, keepdims=True))[alive] / deviations[alive, None])[:, ::step]
    return _distance(standardised, _directions(len(frames))[:, alive])


def gaussian_floor(width: int, frames: int) -> float:
    """Compute the same distance for as many independent draws of a standard Gaussian, along the same directions."""
    draws = np.random.default_rng(1).standard_normal((width, -(-frames // -(-frames // MOST_FRAMES))))
    return _distance(draws, _directions(width))


def _directions(width: int) -> Numbers:
    """Draw the directions, the same for all latents of this width, (projections, width)."""
    return np.random.default_rng(0).standard_normal((PROJECTIONS, width))


def _distance(standardised: Numbers, directions: Numbers) -> float:
    from scipy.stats import norm

    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    projected = np.sort(directions @ standardised, axis=1)
    count = projected.shape[1]
    quantiles = norm.ppf((np.arange(count) + 0.5) / count)
    return float(np.mean(np.abs(projected - quantiles)))
