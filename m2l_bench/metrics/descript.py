"""Mel distance and STFT distance as the evaluation of Descript's codec computes them (`dac.nn.loss` in version 1.0.0
with `conf/base.yml`, which the paper describes; Kumar et al., NeurIPS 2023).

Both are sums over window lengths, with a quarter of a window between frames, and means over channels, frames and bands:

- mel distance: the difference of decimal logarithms of mel spectra (magnitudes, not below 1e-5) of 5 to 320 bands with
  windows of 32 to 2048 samples;
- STFT distance: the difference of magnitudes plus that of decimal logarithms of squared magnitudes (not below 1e-10)
  with windows of 2048 and 512 samples.
"""

from __future__ import annotations

import math
import warnings
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from m2l_bench.audio import Audio
from m2l_bench.metrics.stft import Sums, check_length, paired_spectra, quarter_hop

BANDS = {32: 5, 64: 10, 128: 20, 256: 40, 512: 80, 1024: 160, 2048: 320}
"""Number of mel bands by window length."""
STFT_WINDOWS = (2048, 512)
FLOOR = 1e-5
"""Magnitude below which logarithms do not fall."""
SAMPLE_RATE = 44_100


def mel_and_stft(reference: Audio, reconstruction: Audio, *, mel: bool, stereo: bool) -> tuple[Sums, Sums]:
    """Compute the mel distance and the STFT distance of each channel, and of mid and side after them.

    Args:
        reference, reconstruction: (channels, samples) at 44.1 kHz.
        mel: whether to compute the mel distance; without it, the first result is zeros.
        stereo: whether to add mid and side.

    Raises:
        Undefined: the signals are shorter than half a window.
    """
    from m2l_bench.metrics.magnitudes import mel_sums, stft_sums

    check_length(reference.shape[1], quarter_hop(max(BANDS)))
    signals = reference.shape[0] + 2 * stereo
    mel_distance, stft_distance = np.zeros(signals), np.zeros(signals)
    for window, bands in BANDS.items():
        if not mel and window not in STFT_WINDOWS:
            continue
        mel_sum, stft_sum, frames = np.zeros(signals), np.zeros(signals), 0
        for first, second in paired_spectra(reference, reconstruction, quarter_hop(window)):
            frames += first.shape[1]
            if window in STFT_WINDOWS:
                linear, _, logs, _ = stft_sums(first, second, signals, FLOOR)
                stft_sum += linear + 2 / math.log(10) * logs
            if mel:
                basis, ends = _mel_basis(window, bands)
                mel_sum += mel_sums(first, second, signals, FLOOR, basis, ends) / math.log(10)
        mel_distance += mel_sum / (frames * bands)
        stft_distance += stft_sum / (frames * (window // 2 + 1))
    return mel_distance, stft_distance


@lru_cache
def _mel_basis(window: int, bands: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Weights of bins in bands, (bands, bins), and the first bin and the end of each band, (bands, 2)."""
    from librosa.filters import mel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bands so narrow that no bin is inside
        basis: NDArray[np.float32] = mel(sr=SAMPLE_RATE, n_fft=window, n_mels=bands)
    weighted = [np.flatnonzero(weights) for weights in basis]
    return basis, np.array([(bins[0], bins[-1] + 1) if len(bins) else (0, 0) for bins in weighted])
