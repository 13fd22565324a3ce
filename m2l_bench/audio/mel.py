"""Mel spectrograms as `librosa.feature.melspectrogram` computes them, bit by bit.

Only the filters come from librosa: when `librosa.feature` is imported for the first time, numba compiles functions that
nothing here needs, which takes ten seconds and more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

BLOCK = 1 << 20
"""Number of samples in the frames that are transformed at once."""


def mel_powers(samples: NDArray[Any], rate: int, window: int, hop: int, bands: int, centred: bool) -> NDArray[Any]:
    """Compute powers in mel bands up to half the sample rate, (bands, frames), with a periodic Hann window.

    Args:
        samples: (samples,), float32 or float64; the powers have the same precision.
        rate: in Hz.
        window, hop: lengths in samples.
        centred: the first frame has its middle at the first sample, and zeros before it; otherwise it begins there.
    """
    from librosa.filters import mel
    from scipy.fft import rfft
    from scipy.signal import get_window

    if centred:
        samples = np.pad(samples, window // 2)
    frames = sliding_window_view(samples, window)[::hop]
    weights = get_window("hann", window)
    powers = np.empty((window // 2 + 1, len(frames)), samples.dtype, order="F")
    spectra = np.complex64 if samples.dtype == np.float32 else np.complex128
    block = max(1, BLOCK // window)
    for start in range(0, len(frames), block):
        spectrum = rfft(frames[start : start + block] * weights, axis=1).astype(spectra)
        powers[:, start : start + block] = (np.abs(spectrum) ** 2).T
    basis = mel(sr=rate, n_fft=window, n_mels=bands)
    result: NDArray[Any] = np.einsum("ft,mf->mt", powers, basis, optimize=True)
    return result
