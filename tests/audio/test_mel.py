"""Mel spectrograms against those of librosa."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from m2l_bench.audio.mel import mel_powers
from m2l_bench.environment import compile_librosa


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("samples", [1, 2047, 2048, 60_000, 700_001])
@pytest.mark.parametrize("rate, window, hop, bands", [(16_000, 512, 256, 96), (44_100, 2048, 512, 128)])
def test_equal_to_librosa(dtype: type, samples: int, rate: int, window: int, hop: int, bands: int) -> None:
    compile_librosa()
    audio = np.random.default_rng(samples).normal(size=samples).astype(dtype)
    for centred in [True] if samples < window else [True, False]:
        theirs = librosa.feature.melspectrogram(
            y=audio, sr=rate, n_fft=window, hop_length=hop, n_mels=bands, center=centred
        )
        ours = mel_powers(audio, rate, window, hop, bands, centred)
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-6 if dtype is np.float32 else 1e-13)
