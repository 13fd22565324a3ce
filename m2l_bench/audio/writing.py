"""Audio as files to listen to."""

from __future__ import annotations

import io

import numpy as np

from m2l_bench.audio.arrays import Audio


def flac_bytes(audio: Audio, rate: int) -> bytes:
    """Encode audio as a 16-bit FLAC file for listening; values beyond full scale are clipped.

    FLAC holds at most eight channels and 655,350 Hz, more than any clip this package reads.
    """
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(audio.T, -1.0, 1.0), rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()
