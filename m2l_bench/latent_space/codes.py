"""How codes use their codebooks, and whether a shift of one sample changes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from m2l_bench.audio import Audio
from m2l_bench.latent_space.coder import Coder, Values
from m2l_bench.metrics.codes import Counts, entropy_bits, usage


def code_use(clips: Sequence[Counts]) -> Values:
    """Average usage, entropy and perplexity over codebooks.

    Args:
        clips: counts of each clip, (codebooks, entries).
    """
    counts = np.sum(clips, axis=0)
    bits = entropy_bits(counts)
    return {
        "usage": float(usage(counts).mean()),
        "entropy": float(bits.mean()),
        "perplexity": float(np.mean(2**bits)),
    }


def stable_codes(coder: Coder, audio: Audio) -> Values:
    """Compute the share of codes that stay the same when the audio (channels, samples) begins one sample later."""
    first, second = (coder.codes(coder.encode(part)) for part in (audio, audio[:, 1:]))
    frames = min(first.shape[1], second.shape[1])
    return {"stable_codes": float(np.mean(first[:, :frames] == second[:, :frames]))}
