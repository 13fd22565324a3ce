"""Waveform <-> amplitude-transformed complex STFT: Section 4.1, Eq. 5.

Frames are rectangular cuts without centring or padding, weighted by a periodic Hann window; the Nyquist bin is dropped.
Audio of `(frames + 3) * hop` samples gives `frames` frames, and comes back exactly except for the first and the last
`3 * hop` samples, at which too few windows overlap. `autoencoder` pads so that none of the user's samples is there.
"""

from __future__ import annotations

import torch
from torch import Tensor

from m2l_bench.music2latent.config import Config


def spectrogram(audio: Tensor, config: Config) -> Tensor:
    """Return real and imaginary parts of the transformed STFT.

    Args:
        audio: (batch, samples), at least one window long.

    Returns:
        (batch, 2, bins, frames), float32.

    Raises:
        ValueError: audio shorter than a window.
    """
    if audio.shape[-1] < config.window:
        raise ValueError(f"{audio.shape[-1]} samples are less than one window of {config.window}")
    window = torch.hann_window(config.window, device=audio.device)
    stft = torch.stft(
        audio.float(), config.window, config.hop, window=window, center=False, onesided=True, return_complex=True
    )
    stft = stft[:, : config.bins]
    transformed = _scaled(stft, config.beta * _magnitude_power(stft, config.alpha - 1))
    return torch.view_as_real(transformed).permute(0, 3, 1, 2)


def waveform(spectrogram: Tensor, config: Config) -> Tensor:
    """Invert `spectrogram`, clamped to [-1, 1].

    Args:
        spectrogram: (batch, 2, bins, frames).

    Returns:
        (batch, (frames + 3) * hop), float32.
    """
    transformed = torch.complex(spectrogram[:, 0].float(), spectrogram[:, 1].float()).mT / config.beta
    stft = _scaled(transformed, _magnitude_power(transformed, 1 / config.alpha - 1))
    frames = torch.fft.irfft(stft, config.window)  # fills up with a zero Nyquist bin
    # Overlapping squared Hann windows at a quarter of their length sum to 3/2.
    frames *= torch.hann_window(config.window, device=frames.device) / 1.5
    batch, count, _ = frames.shape
    quarters = frames.view(batch, count, 4, config.hop)
    # Quarter q of frame n overlaps hop n + q of the audio: four shifted sums, without a scatter.
    audio = frames.new_zeros(batch, count + 3, config.hop)
    for quarter in range(4):
        audio[:, quarter : quarter + count] += quarters[:, :, quarter]
    return audio.flatten(1).clamp(-1, 1)


def _magnitude_power(stft: Tensor, exponent: float) -> Tensor:
    """Return |c|^exponent; where c is zero, the factor does not matter and stays finite."""
    return stft.abs().clamp(min=1e-30).pow(exponent)


def _scaled(stft: Tensor, factor: Tensor) -> Tensor:
    """Return beta |c|^alpha e^(i angle(c)) of Eq. 5 as c times a real factor."""
    return torch.complex(stft.real * factor, stft.imag * factor)
