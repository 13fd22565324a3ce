"""Whether scaling, adding and averaging audio scale, add and average its latents."""

from __future__ import annotations

from m2l_bench.audio import Audio
from m2l_bench.latent_space.coder import Coder, Values, mel_distance, relative_error

GAIN = 0.5
"""A half, so that the sum of two scaled clips stays within full scale."""


def gain_error(coder: Coder, audio: Audio) -> Values:
    """Compare E(x / 2) with E(x) / 2: a relative error, without the mean of each channel over the clip."""
    return {"gain_error": relative_error(coder.encode(GAIN * audio), GAIN * coder.encode(audio))}


def pair_linearity(coder: Coder, first: Audio, second: Audio) -> Values:
    """Compare E(x/2 + y/2) with E(x/2) + E(y/2), and the decoded midpoint of latents with the mix.

    Args:
        first, second: two clips x and y, (channels, samples) of the same shape.
    """
    mix = GAIN * (first + second)
    samples = mix.shape[1]
    of_mix = coder.encode(mix)
    midpoint = GAIN * (coder.encode(first) + coder.encode(second))
    return {
        "additivity_error": relative_error(of_mix, coder.encode(GAIN * first) + coder.encode(GAIN * second)),
        "midpoint_mel": mel_distance(mix, coder.decode(midpoint, samples), coder.sample_rate),
        "mix_mel": mel_distance(mix, coder.decode(of_mix, samples), coder.sample_rate),
    }
