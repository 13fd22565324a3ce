"""Reconstructions made elsewhere: a folder of audio files named like the clips."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from m2l_bench.audio import Audio
from m2l_bench.codecs.base import Reconstructor
from m2l_bench.recordings import RecordingFolder


class Recorded(Reconstructor):
    """Reads the reconstruction of each clip from a folder.

    Args:
        directory, sample_rate: as of `RecordingFolder`.
    """

    def __init__(self, directory: Path | str, sample_rate: Literal["label", "reference"] = "label") -> None:
        self.folder = RecordingFolder(directory, sample_rate)

    def sources(self, clip_id: str) -> list[Path]:
        return self.folder.find(clip_id)

    def reconstruct(self, clip_id: str, audio: Audio, sample_rate: int) -> Audio:
        """(channels, samples) of the file, at the original's rate; its length and channels are its own."""
        return self.folder.read(clip_id, sample_rate)
