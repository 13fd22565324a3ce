"""Multi-resolution STFT distance with the defaults of the package auraloss 0.4.0 (Steinmetz and Reiss, DMRN+15, 2020;
Yamamoto et al., ICASSP 2020): what papers call STFT distance "with AuraLoss".

It is a mean over three resolutions of spectral convergence plus the difference of natural logarithms of magnitudes
(not below 1e-4). Spectral convergence is the norm of the difference over the norm of the original, with all channels as
one array; the logarithms are means over channels.
"""

from __future__ import annotations

import numpy as np

from m2l_bench.audio import Audio
from m2l_bench.metrics.stft import Frames, Sums, check_length, paired_spectra

RESOLUTIONS = (Frames(1024, 120, 600), Frames(2048, 240, 1200), Frames(512, 50, 240))
FLOOR = 1e-4
"""Magnitude below which no value falls."""


def mr_stft(reference: Audio, reconstruction: Audio, *, stereo: bool) -> Sums:
    """Compute the distance of all channels together, and of mid and side after it.

    Args:
        reference, reconstruction: (channels, samples) at 44.1 kHz.
        stereo: whether to add mid and side.

    Raises:
        Undefined: the signals are shorter than half a window.
    """
    from m2l_bench.metrics.magnitudes import stft_sums

    check_length(reference.shape[1], RESOLUTIONS[1])
    channels = reference.shape[0]
    distances = np.zeros(1 + 2 * stereo)
    for frames in RESOLUTIONS:
        error, energy, logs = np.zeros((3, channels + 2 * stereo))
        values = 0
        for target, output in paired_spectra(reference, reconstruction, frames):
            values += target.shape[1] * target.shape[2]
            for total, part in zip((error, logs, energy), stft_sums(target, output, len(logs), FLOOR)[1:], strict=True):
                total += part
        logs /= values
        distances += [
            np.sqrt(error[part].sum() / energy[part].sum()) + logs[part].mean()
            for part in (slice(channels), *(slice(i, i + 1) for i in range(channels, len(logs))))
        ]
    return distances / len(RESOLUTIONS)
