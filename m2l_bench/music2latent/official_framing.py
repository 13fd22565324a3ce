"""The authors' (music2latent 0.1.8) way to cut audio and latents: for comparison with their package, not for use.

The tail that does not fill a latent is dropped. Audio longer than 60 s is cut into chunks without overlap; the last one
is filled up with the beginning of the audio, and if the chunks fit exactly, a whole chunk of it is added and dropped.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from m2l_bench.music2latent.config import Config
from m2l_bench.music2latent.spectrogram import spectrogram

CHUNK_SAMPLES = 60 * 44_100


def encode(waveforms: Tensor, network: Callable[[Tensor], Tensor], config: Config) -> Tensor:
    """Encode (batch, samples) into (batch, channels, frames / 8) by an encoder that takes spectrograms.

    Raises:
        ValueError: audio too short for one latent.
    """
    latents = (waveforms.shape[-1] - 3 * config.hop) // config.samples_per_latent
    if latents < 1:
        needed = config.samples_per_latent + 3 * config.hop
        raise ValueError(f"strict framing needs {needed} samples or more, got {waveforms.shape[-1]}")
    cut = waveforms[..., : latents * config.samples_per_latent + 3 * config.hop]
    frames = spectrogram(cut, config)
    size = _chunk_latents(config) * config.frames_per_latent
    encoded = torch.cat([network(chunk) for chunk in _filled(frames, size).split(size, -1)], dim=-1)
    return encoded[..., :latents]


def decode(
    latents: Tensor,
    denoised: Callable[[Tensor, list[Tensor], list[float]], Tensor],
    levels: list[float],
    config: Config,
    noise: Tensor | None,
    draw: Callable[[tuple[int, ...]], Tensor],
    batch_size: int,
) -> Tensor:
    """Decode (batch, channels, frames / 8) into a spectrogram (batch, 2, bins, frames) on the device of the latents.

    Noise is drawn in the order in which the package draws it: with the same seed both see the same.

    Args:
        denoised: latents, a noise for each level and the levels -> spectrogram (batch, 2, bins, frames).
        noise: (batch, 2, bins, 8 * latents after filling up the last chunk).
        draw: shape -> standard normal noise.
        batch_size: sequences denoised at once.
    """
    size = _chunk_latents(config)
    filled = _filled(latents, size)
    ratio = config.frames_per_latent
    if noise is not None and noise.shape != (len(latents), 2, config.bins, filled.shape[-1] * ratio):
        expected = (len(latents), 2, config.bins, filled.shape[-1] * ratio)
        raise ValueError(f"noise has shape {tuple(noise.shape)}: expected {expected}")
    chunks = []
    for start in range(0, filled.shape[-1], size):
        frames = filled[..., start : start + size].shape[-1] * ratio
        shape = (1, 2, config.bins, frames)
        groups: list[Tensor] = []
        for group in filled[..., start : start + size].split(batch_size):
            # One more than there are levels: the package draws noise after the last step too, and drops it.
            drawn = [[draw(shape) for _ in range(len(levels) + 1)] for _ in group]
            noises = [torch.cat(items).to(group.device) for items in zip(*drawn, strict=True)]
            if noise is not None:
                first = len(groups) * batch_size
                given = noise[first : first + len(group), ..., start * ratio : start * ratio + frames]
                noises[0] = given.to(group.device)
            groups.append(denoised(group, noises, levels))
        chunks.append(torch.cat(groups))
    return torch.cat(chunks, dim=-1)[..., : latents.shape[-1] * ratio]


def _chunk_latents(config: Config) -> int:
    return CHUNK_SAMPLES // config.hop // config.frames_per_latent


def _filled(sequence: Tensor, size: int) -> Tensor:
    """Continue sequences longer than a chunk with their beginning, to a multiple of its length."""
    length = sequence.shape[-1]
    if length <= size:
        return sequence
    missing = size - length % size
    copies = 1 + missing // length
    return torch.cat([sequence, *[sequence] * copies], dim=-1)[..., : length + missing]
