"""Audio as files to listen to."""

from __future__ import annotations

import io

import numpy as np

from m2l_bench.audio.arrays import Audio

FLAC_CHANNELS, FLAC_RATE = 8, 655_350
"""What FLAC can hold: channels, and Hz."""


def encode(audio: Audio, rate: int) -> tuple[bytes, str]:
    """Encode audio in 16 bits, and give the file's suffix: FLAC, or WAV for more channels or a higher rate."""
    if len(audio) <= FLAC_CHANNELS and rate <= FLAC_RATE:
        return flac_bytes(audio, rate), ".flac"
    return _bytes(audio, rate, "WAV"), ".wav"


def flac_bytes(audio: Audio, rate: int) -> bytes:
    """Encode audio as a 16-bit FLAC file; values beyond full scale are clipped."""
    return _bytes(audio, rate, "FLAC")


def wav_bytes(audio: Audio, rate: int) -> bytes:
    """Encode audio as a 24-bit WAV file; values beyond full scale are clipped."""
    return _bytes(audio, rate, "WAV", "PCM_24")


def _bytes(audio: Audio, rate: int, format: str, subtype: str = "PCM_16") -> bytes:
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(audio.T, -1.0, 1.0), rate, format=format, subtype=subtype)
    return buffer.getvalue()
