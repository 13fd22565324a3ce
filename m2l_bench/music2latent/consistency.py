"""Consistency models: preconditioning, noise levels, training objective and sampler. Sections 3 and 4.3.

Nothing here knows the networks: functions take a `denoise(noisy, sigma)` or plain tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from m2l_bench.music2latent.config import Config

Denoise = Callable[[Tensor, Tensor], Tensor]
"""(batch, 2, bins, frames) at noise level (batch,) or (1,) -> its estimate of the clean spectrogram."""


def scalings(sigma: Tensor, config: Config) -> tuple[Tensor, Tensor, Tensor]:
    """Return c_skip, c_out and c_in of Eq. 2, as in Section 4.4 (Song and Dhariwal 2023), each (batch, 1, 1, 1).

    They meet the boundary condition: c_skip(sigma_min) = 1, c_out(sigma_min) = 0.
    """
    sigma = sigma.reshape(-1, 1, 1, 1)
    data = config.sigma_data
    above_minimum = sigma - config.sigma_min
    c_skip = data**2 / (above_minimum**2 + data**2)
    c_out = data * above_minimum / (sigma**2 + data**2).sqrt()
    c_in = 1 / (sigma**2 + data**2).sqrt()
    return c_skip, c_out, c_in


def sigma_at(t: Tensor, config: Config) -> Tensor:
    """Return the noise level at time t in [0, 1]: Eq. 14."""
    low, high = config.sigma_min ** (1 / config.rho), config.sigma_max ** (1 / config.rho)
    return torch.pow(low + t * (high - low), config.rho)


def step_size(iteration: float, iterations: float, initial: float = 0.1, final_exponent: float = 3.0) -> float:
    """Return Delta t_k at training iteration k of K: Eq. 13, from Delta t_0 = `initial` to Delta t_0^e_K."""
    exponent = iteration / iterations * (final_exponent - 1) + 1
    return math.pow(initial, exponent)


def sample_times(uniform: Tensor, config: Config, mean: float = -1.1, std: float = 2.0, bins: int = 9_999) -> Tensor:
    """Return times t_{i+1} in (0, 1] with the lognormal sampling weights of Section 4.3, (count,).

    A bin of a uniform grid of t is drawn with the normal density of log sigma(t) as its weight, then a place inside
    the bin (published). t = 0 is left out, because t_i = t_{i+1} there and the loss weight has no value.

    Args:
        uniform: (count, 2) in [0, 1): the first chooses the bin, the second the place in it.
    """
    edges = torch.arange(bins, dtype=uniform.dtype, device=uniform.device) / bins
    log_sigma = sigma_at(edges, config).log()
    shares = torch.softmax(-((log_sigma - mean) ** 2) / (2 * std**2), dim=0).cumsum(0)
    bin_numbers = torch.searchsorted(shares, uniform[:, 0].contiguous()).clamp(max=bins - 1)
    return ((bin_numbers + uniform[:, 1]) / bins).clamp(1e-4, 1)


def noise_level_pair(t: Tensor, step: float, config: Config) -> tuple[Tensor, Tensor]:
    """Return sigma_i and sigma_{i+1} for times t_{i+1}, with t_i = max(t_{i+1} - Delta t_k, 0)."""
    return sigma_at((t - step).clamp(min=0), config), sigma_at(t, config)


def huber_constant(values: int) -> float:
    """Return c of Eq. 9 for samples of this many values: 0.00054 sqrt(d), as Song and Dhariwal 2023."""
    return 0.00054 * math.sqrt(values)


def pseudo_huber(x: Tensor, y: Tensor) -> Tensor:
    """Return d(x, y) of Eq. 9, (batch,); the norm runs over a whole sample."""
    squared = (x - y).float().pow(2).flatten(1).sum(1)
    c = huber_constant(x[0].numel())
    return (squared + c**2).sqrt() - c


def loss_weight(sigma_low: Tensor, sigma_high: Tensor) -> Tensor:
    """Return lambda(sigma_i, sigma_{i+1}) of Eq. 12."""
    return 1 / (sigma_high - sigma_low)


def consistency_loss(denoise: Denoise, clean: Tensor, noise: Tensor, sigma_low: Tensor, sigma_high: Tensor) -> Tensor:
    """Return Eq. 11 for each sample, (batch,); its mean is the training loss.

    Student and teacher see the same noise; the teacher is the student without gradient (Eq. 4). `denoise` closes over
    the decoder's y_x, one pass of encoder and decoder for both, and is called for the student first.

    Args:
        clean: (batch, 2, bins, frames).
        noise: of the same shape, standard normal.
        sigma_low, sigma_high: sigma_i and sigma_{i+1}, (batch,).
    """
    student = denoise(add_noise(clean, noise, sigma_high), sigma_high)
    with torch.no_grad():
        teacher = denoise(add_noise(clean, noise, sigma_low), sigma_low)
    return loss_weight(sigma_low, sigma_high) * pseudo_huber(student, teacher)


def add_noise(clean: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """Return x_sigma = x + sigma z."""
    return clean + sigma.reshape(-1, 1, 1, 1) * noise


def sampling_levels(steps: int, config: Config) -> list[float]:
    """Return the noise levels of `steps` denoising steps: Eq. 14 at t = 1, 1 - 1/steps, ..., 1/steps.

    Raises:
        ValueError: less than one step.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}: expected 1 or more")
    low, high = config.sigma_min ** (1 / config.rho), config.sigma_max ** (1 / config.rho)
    return [(low + step / steps * (high - low)) ** config.rho for step in range(steps, 0, -1)]


def sample(
    denoise: Denoise, noise: Tensor, levels: list[float], config: Config, fresh_noise: Callable[[], Tensor]
) -> Tensor:
    """Multi-step consistency sampling (Song et al. 2023, Algorithm 1): denoise, add less noise again, repeat.

    Args:
        noise: (batch, 2, bins, frames), standard normal.
        levels: falling noise levels, one per step.
        fresh_noise: called after each step except the last; gives standard normal noise of that shape.

    Returns:
        The last estimate of the clean spectrogram.
    """
    noisy = noise * levels[0]
    for step, level in enumerate(levels):
        sigma = torch.full((1,), level, device=noise.device)
        estimate = denoise(noisy, sigma)
        if step + 1 < len(levels):
            remaining = math.sqrt(levels[step + 1] ** 2 - config.sigma_min**2)
            noisy = estimate + remaining * fresh_noise()
    return estimate
