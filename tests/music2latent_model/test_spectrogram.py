"""Eq. 5 and its inverse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.audio import music

from m2l_bench.music2latent import Config
from m2l_bench.music2latent.spectrogram import spectrogram, waveform

CONFIG = Config()


def test_equation_5() -> None:
    audio = torch.from_numpy(music(0.2))
    ours = spectrogram(audio, CONFIG)
    frame = audio[0, 512 : 512 + 2048].double().numpy()
    hann = np.sin(np.pi * np.arange(2048) / 2048) ** 2
    c = np.fft.rfft(frame * hann)[:1024]
    expected = CONFIG.beta * np.abs(c) ** CONFIG.alpha * np.exp(1j * np.angle(c))
    np.testing.assert_allclose(ours[0, 0, :, 1], expected.real, atol=1e-4)
    np.testing.assert_allclose(ours[0, 1, :, 1], expected.imag, atol=1e-4)


@settings(max_examples=25)
@given(frames=st.integers(7, 40), loudness=st.sampled_from([0.0, 1e-4, 0.5]), seed=st.integers(0, 99))
def test_the_inverse_gives_the_audio_back_where_all_windows_overlap(frames: int, loudness: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    audio = (torch.randn(2, (frames + 3) * 512, generator=generator) * loudness).clamp(-1, 1)
    back = waveform(spectrogram(audio, CONFIG), CONFIG)
    assert back.shape == audio.shape
    inner = slice(3 * 512, -3 * 512)
    # Only the Nyquist bin, which the representation drops, may be lost.
    window = torch.hann_window(2048)
    stft = torch.stft(audio, 2048, 512, window=window, center=False, return_complex=True)
    stft[:, -1] = 0
    frames_back = torch.fft.irfft(stft, dim=1) * window[:, None] / 1.5
    expected = torch.nn.functional.fold(frames_back, (1, audio.shape[1]), (1, 2048), stride=(1, 512))[:, 0, 0]
    assert torch.allclose(back[:, inner], expected.clamp(-1, 1)[:, inner], atol=2e-5)


def test_silence_has_gradients() -> None:
    audio = torch.zeros(1, 4096, requires_grad=True)
    spectrogram(audio, CONFIG).sum().backward()
    assert torch.isfinite(audio.grad).all()


def test_less_than_a_window() -> None:
    with pytest.raises(ValueError, match="2047 samples are less than one window of 2048"):
        spectrogram(torch.zeros(1, 2047), CONFIG)
