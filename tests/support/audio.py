"""Small synthetic audio, and files that cannot be read as audio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile


def music(seconds: float = 1.0, rate: int = 44_100, channels: int = 1, seed: int = 0) -> np.ndarray:
    """(channels, samples) float32: decaying notes with harmonics and a little noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    voices = []
    for _ in range(channels):
        voice = 0.01 * rng.standard_normal(len(time))
        for start in np.arange(0, seconds, 0.25):
            pitch = 110 * 2 ** (rng.integers(0, 36) / 12)
            sounding = slice(np.searchsorted(time, start, "right"), np.searchsorted(time, start + 3, "left"))
            age = time[sounding] - start
            decay = np.exp(-4 * age)
            for harmonic in range(1, 6):
                voice[sounding] += 0.05 / harmonic * np.sin(2 * np.pi * pitch * harmonic * age) * decay
        voices.append(voice)
    return np.asarray(voices, np.float32)


def write(path: Path, audio: np.ndarray, rate: int = 44_100, subtype: str | None = None) -> Path:
    """Write (channels, samples) to a file, whose folder is made; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio.T, rate, subtype=subtype)
    return path


def bad_files(folder: Path) -> dict[str, str]:
    """Write files that must be refused; returns a part of the reason by the name of the file."""
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("not audio at all, but long enough to look at")
    soundfile.write(folder / "nothing.wav", np.zeros((0, 1)), 44_100)
    whole = write(folder / "whole.wav", music()).read_bytes()
    (folder / "whole.wav").unlink()
    (folder / "half.flac").write_bytes(write(folder / "x.flac", music()).read_bytes()[:20_000])
    (folder / "x.flac").unlink()
    (folder / "header.wav").write_bytes(whole[:20])
    nan = music()
    nan[0, 7] = np.nan
    write(folder / "nan.wav", nan, subtype="FLOAT")
    nan[0, 7] = np.inf
    write(folder / "inf.wav", nan, subtype="FLOAT")
    return {
        "empty": "empty file",
        "text": "not readable as audio",
        "nothing": "no samples",
        "half": "truncated|not readable",
        "header": "not readable as audio|no samples",
        "nan": "NaN or infinite",
        "inf": "NaN or infinite",
    }
