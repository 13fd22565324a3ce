"""Conversion between waveforms and the log power and phase that Musika's networks use.

Frames have 4 * hop samples under a Hann window, without padding at the ends. The first and last 3 * hop samples of a
waveform are in fewer than four frames, so they come back faded. Power from -100 to 50 dB is scaled to -1 to 1; phase is
in half turns.
"""

from __future__ import annotations

import math

from torch import Tensor, hann_window, polar, stft
from torch.fft import irfft
from torch.nn.functional import fold

MEAN_DB, SPREAD_DB = -25.0, 75.0
"""Power in dB that is scaled to 0, and the difference that is scaled to 1."""
LEAST_POWER = 1e-10
"""Smallest power of an original's spectrogram; lower values are raised to it."""
ADDED_POWER = 1e-7
"""Power that is added to a reconstruction's spectrogram."""


def log_power(audio: Tensor, hop: int) -> Tensor:
    """Map (batch, samples) to scaled log power (batch, 2 * hop + 1, samples / hop - 3)."""
    window = hann_window(4 * hop, device=audio.device)
    spectrum = stft(audio, 4 * hop, hop, window=window, center=False, return_complex=True)
    decibels = 10 * spectrum.abs().square().clamp(min=LEAST_POWER).log10()
    return (decibels - MEAN_DB) / SPREAD_DB


def waveform(power: Tensor, phase: Tensor, hop: int) -> Tensor:
    """Map scaled log power and phase, each (batch, 2 * hop + 1, frames), to (batch, (frames + 3) * hop)."""
    linear = 10 ** ((power * SPREAD_DB + MEAN_DB) / 10)
    spectrum = polar((linear + ADDED_POWER).sqrt(), phase * math.pi)
    # The squares of a Hann window and its three shifted neighbours sum to 3/2.
    window = hann_window(4 * hop, device=power.device) / 1.5
    return overlap_add(irfft(spectrum, dim=1) * window[:, None], hop)


def overlap_add(frames: Tensor, hop: int) -> Tensor:
    """Add up frames, each `hop` samples after the one before.

    Maps (batch, size, frames) to (batch, (frames - 1) * hop + size).
    """
    size = frames.shape[1]
    samples = (frames.shape[2] - 1) * hop + size
    return fold(frames, (1, samples), (1, size), stride=(1, hop))[:, 0, 0]
