"""Audio: read from files, written, resampled, downmixed. Arrays are (channels, samples) float32; full scale is 1."""

from m2l_bench.audio.arrays import Audio, fit_length, resample, resample_blocks, to_mono
from m2l_bench.audio.reading import EXTENSIONS, AudioFile, count_samples, duration_seconds, read, stated_samples
from m2l_bench.audio.writing import encode, flac_bytes, wav_bytes

__all__ = [
    "EXTENSIONS",
    "Audio",
    "AudioFile",
    "count_samples",
    "duration_seconds",
    "encode",
    "fit_length",
    "flac_bytes",
    "read",
    "resample",
    "resample_blocks",
    "stated_samples",
    "to_mono",
    "wav_bytes",
]
