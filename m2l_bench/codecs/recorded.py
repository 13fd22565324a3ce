"""Recorded reconstructions: a folder of audio files named like the clips."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from m2l_bench.audio import Audio
from m2l_bench.codecs.base import Reconstructor
from m2l_bench.recordings import RecordingFolder


class Recorded(Reconstructor):
    """A system whose reconstructions are read from a folder.

    Args:
        directory: the folder; see `RecordingFolder`.
        sample_rate: how to read the files' sample rate; see `RecordingFolder`.
    """

    def __init__(self, directory: Path | str, sample_rate: Literal["label", "reference"] = "label") -> None:
        self.folder = RecordingFolder(directory, sample_rate)

    def sources(self, clip_id: str) -> list[Path]:
        """List the files of a clip."""
        return self.folder.find(clip_id)

    def reconstruct(self, clip_id: str, audio: Audio, sample_rate: int) -> Audio:
        """Read the file of a clip as (channels, samples) at the original's rate, with its own length and channels."""
        return self.folder.read(clip_id, sample_rate)
