"""What users hand in."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.audio import music

from m2l_bench.music2latent import Music2Latent
from m2l_bench.music2latent.inputs import check_latents, to_waveforms

AUDIO = music(0.2)[0]


@pytest.mark.parametrize(
    "audio",
    [
        AUDIO,
        AUDIO.astype(np.float64),
        AUDIO[None],
        torch.from_numpy(AUDIO),
        torch.from_numpy(AUDIO).double(),
        np.stack([AUDIO, AUDIO], axis=1).T[0],  # not contiguous
        AUDIO[::-1][::-1].copy(),
        AUDIO.tolist(),
    ],
)
def test_any_kind_of_array(audio: object) -> None:
    waveforms = to_waveforms(audio)
    assert waveforms.dtype == torch.float32
    np.testing.assert_allclose(waveforms[0].numpy(), AUDIO, atol=1e-7)


@pytest.mark.parametrize(("dtype", "scale"), [(np.int16, 2**15), (np.int32, 2**31), (np.int8, 2**7)])
def test_integers_are_scaled_by_their_range(dtype: type, scale: int) -> None:
    extremes = np.array([-scale, 0, scale // 2], dtype)
    assert to_waveforms(extremes).tolist() == [[-1, 0, 0.5]]


def test_unsigned_bytes_have_their_zero_in_the_middle() -> None:
    assert to_waveforms(np.array([0, 128, 192], np.uint8)).tolist() == [[-1, 0, 0.5]]


def test_beyond_full_scale_is_clipped() -> None:
    assert to_waveforms(np.array([-1.5, 0.5, 2.0])).tolist() == [[-1, 0.5, 1]]


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.array([0, np.nan, np.inf]), "audio holds 2 values that are NaN or infinite"),
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\): expected \(samples,\) or \(batch, samples\)"),
        (np.zeros(0), "there is nothing in it"),
        (np.zeros((2, 0)), "there is nothing in it"),
        (np.zeros((44_100, 2)), "expected .channels, samples., and 44100 channels of 2 samples look the wrong way"),
        (np.zeros((1000, 500)), "1000 channels of 500 samples look the wrong way round; transpose it"),
        (np.array([3000.0, -12_000]), "audio reaches 12000: expected -1 to 1; divide 16-bit samples by 32768"),
    ],
)
def test_what_cannot_be_meant(audio: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_waveforms(audio)


@pytest.mark.parametrize("audio", ["song.flac", None, np.zeros(4, complex), np.array([True])])
def test_what_is_not_numbers(audio: object) -> None:
    with pytest.raises(TypeError, match=r"audio (is|holds) .*expected"):
        to_waveforms(audio)


@pytest.mark.parametrize(
    ("latents", "message"),
    [
        (np.zeros((1, 32, 5)), r"latents have shape \(1, 32, 5\): expected \(batch, 64, frames\)"),
        (np.zeros((1, 5, 64)), r"expected \(batch, 64, frames\)"),
        (np.zeros(64), r"expected \(batch, 64, frames\)"),
        (np.zeros((1, 64, 0)), r"expected \(batch, 64, frames\)"),
        (np.full((64, 2), np.nan), "latents holds 128 values that are NaN"),
    ],
)
def test_latents(latents: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_latents(latents, 64)


def test_errors_reach_the_user_of_the_model(model: Music2Latent) -> None:
    with pytest.raises(ValueError, match="wrong way round"):
        model.encode(np.zeros((1000, 2)))
    with pytest.raises(ValueError, match="strict framing needs 5632 samples or more, got 4000"):
        model.encode(np.zeros(4000), strict=True)
    latents = model.encode(AUDIO)
    with pytest.raises(ValueError, match=r"3 latents give 1 to 10752 samples, not 10753"):
        model.decode(latents, samples=10_753)
    with pytest.raises(ValueError, match="steps is 0"):
        model.decode(latents, steps=0)
    with pytest.raises(ValueError, match=r"noise has shape \(1, 2, 1024, 3\): expected \(1, 2, 1024, 24\)"):
        model.decode(latents, noise=torch.zeros(1, 2, 1024, 3))
    with pytest.raises(ValueError, match="leave samples out"):
        model.decode(latents, samples=5, strict=True)
