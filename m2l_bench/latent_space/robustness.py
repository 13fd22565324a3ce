"""How far decoded audio moves when latents are disturbed or stored in fewer bits, and when it is encoded repeatedly."""

from __future__ import annotations

import numpy as np

from m2l_bench.audio import Audio
from m2l_bench.latent_space.coder import Coder, Latents, Values, mel_distance
from m2l_bench.latent_space.measures import NOISE_LEVELS, ROUNDS

DROPPED = 0.1
"""Share of the channels that are replaced by their means, at least one."""


def disturbed(coder: Coder, audio: Audio, mean: Latents, deviation: Latents, seed: int) -> Values:
    """Compare the decoded clip (channels, samples) with what disturbed latents decode to.

    Args:
        mean, deviation: mean and standard deviation of each channel over all clips, (width, 1).
        seed: of the noise, and of the choice of channels to drop.
    """
    latents = coder.encode(audio)
    samples = audio.shape[1]
    decoded = coder.decode(latents, samples)
    rng = np.random.default_rng(seed)
    noise = deviation * rng.standard_normal(latents.shape)
    dropped = rng.permutation(len(latents)) < max(1, round(DROPPED * len(latents)))
    versions = {f"noise_{level:g}_mel": latents + level * noise for level in NOISE_LEVELS}
    versions["dropped_mel"] = np.where(dropped[:, None], mean, latents)
    versions["float16_mel"] = latents.astype(np.float16)
    versions["int8_mel"] = as_int8(latents)
    return {
        name: mel_distance(decoded, coder.decode(version.astype(latents.dtype), samples), coder.sample_rate)
        for name, version in versions.items()
    }


def as_int8(latents: Latents) -> Latents:
    """Round latents (width, frames) to the numbers that eight bits hold, with a scale per channel of the clip."""
    scale = np.abs(latents).max(axis=1, keepdims=True) / 127
    scale[scale == 0] = 1
    rounded: Latents = np.round(latents / scale) * scale
    return rounded


def drift(coder: Coder, audio: Audio) -> Values:
    """Compare a clip (channels, samples) with what it becomes after several rounds of encoding and decoding."""
    values: Values = {}
    current = audio
    for rounds in range(1, max(ROUNDS) + 1):
        current = coder.decode(coder.encode(current), audio.shape[1])
        if rounds in ROUNDS:
            values[f"drift_{rounds}_mel"] = mel_distance(audio, current, coder.sample_rate)
    return values
