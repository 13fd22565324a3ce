"""Reading, writing, resampling and downmixing of audio.

Arrays are (channels, samples) float32; full scale is 1.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2l_bench.errors import BadClip

Audio = NDArray[np.float32]
"""(channels, samples) float32; full scale is 1."""

EXTENSIONS = frozenset(
    [
        ".wav",
        ".wave",
        ".flac",
        ".mp3",
        ".ogg",
        ".oga",
        ".opus",
        ".aif",
        ".aiff",
        ".aifc",
        ".au",
        ".snd",
        ".caf",
        ".w64",
        ".rf64",
    ]
)


def read(path: Path, start_seconds: float = 0.0, duration_seconds: float | None = None) -> tuple[Audio, int]:
    """Read a file, or a section of it, at its own sample rate.

    Returns:
        The audio (channels, samples) and the sample rate in Hz. Lossy files may decode to values beyond full scale.

    Raises:
        BadClip: the file is missing, empty, not audio, shorter than its header promises, or holds NaN.
    """
    import soundfile

    if not path.is_file():
        raise BadClip("file not found")
    if path.stat().st_size == 0:
        raise BadClip("empty file (0 bytes)")
    try:
        with soundfile.SoundFile(path) as file:
            rate = int(file.samplerate)
            start = round(start_seconds * rate)
            if file.frames == 0:
                raise BadClip("no samples in the file")
            if start >= file.frames:
                raise BadClip(f"starts at {start_seconds:g} s but the file lasts {file.frames / rate:.1f} s")
            samples = file.frames - start
            if duration_seconds is not None:
                samples = min(samples, round(duration_seconds * rate))
            file.seek(start)
            audio = file.read(samples, dtype="float32", always_2d=True).T
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        reason = getattr(error, "error_string", None) or str(error)
        raise BadClip(f"not readable as audio ({reason.rstrip('.')})") from error
    if audio.shape[1] < samples:
        raise BadClip(f"truncated: {samples} samples promised, {audio.shape[1]} present")
    if not np.isfinite(audio).all():
        raise BadClip("NaN or infinite samples")
    return np.ascontiguousarray(audio), rate


def duration_seconds(path: Path) -> float:
    """Read the length of a file from its header, in seconds.

    Raises:
        BadClip: the file is not readable as audio.
    """
    import soundfile

    try:
        info = soundfile.info(path)
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise BadClip("not readable as audio") from error
    return float(info.frames / info.samplerate)


def resample(audio: Audio, rate: int, target_rate: int) -> Audio:
    """Resample (channels, samples) with soxr's high-quality filter; the result has at least one sample."""
    if rate == target_rate:
        return audio
    import soxr

    resampled: Any = soxr.resample(audio.T, rate, target_rate, quality="HQ")
    return fit_length(np.ascontiguousarray(resampled.T, dtype=np.float32), max(1, len(resampled)))


def to_mono(audio: Audio) -> Audio:
    """Average the channels to (1, samples)."""
    return audio if audio.shape[0] == 1 else audio.mean(axis=0, keepdims=True)


def fit_length(audio: Audio, samples: int) -> Audio:
    """Cut (channels, samples) at the end, or pad it there with zeros, to exactly `samples`."""
    if audio.shape[1] >= samples:
        return audio[:, :samples]
    return np.pad(audio, ((0, 0), (0, samples - audio.shape[1])))


def flac_bytes(audio: Audio, rate: int) -> bytes:
    """Encode audio as a 16-bit FLAC file for listening; values beyond full scale are clipped.

    FLAC holds at most eight channels and 655,350 Hz, more than any clip this package reads.
    """
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(audio.T, -1.0, 1.0), rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()
