"""Reconstructions made elsewhere: a folder of audio files named like the clips."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from m2l_bench import audio as audio_files
from m2l_bench.audio import EXTENSIONS, Audio
from m2l_bench.errors import BadClip, MissingRecording


class Recorded:
    """Reads `<directory>/<clip id>.<wav|flac|mp3|...>`.

    Args:
        directory: the folder.
        sample_rate: "label" resamples from the rate the file states to the original's; "reference" takes the samples
            as they are for the sequence at the original's rate, for files whose label is wrong.
    """

    def __init__(self, directory: Path | str, sample_rate: Literal["label", "reference"] = "label") -> None:
        self.directory = Path(directory)
        self.sample_rate = sample_rate

    def find(self, clip_id: str) -> list[Path]:
        """The files that could be this clip's reconstruction."""
        folder = (self.directory / clip_id).parent
        name = Path(clip_id).name
        if not folder.is_dir():
            return []
        return sorted(
            path for path in folder.iterdir() if path.suffix.lower() in EXTENSIONS and name in (path.stem, path.name)
        )

    def reconstruct(self, clip_id: str, audio: Audio, sample_rate: int) -> Audio:
        """(channels, samples) of the file, at the original's rate; its length and channels are its own."""
        found = self.find(clip_id)
        if not found:
            raise MissingRecording(f"no file for it in {self.directory}")
        if len(found) > 1:
            raise BadClip(f"two files for it in {self.directory}: {found[0].name}, {found[1].name}")
        try:
            recording, rate = audio_files.read(found[0])
        except BadClip as error:
            raise BadClip(f"{found[0]}: {error}") from error
        if self.sample_rate == "reference":
            return recording
        return audio_files.resample(recording, rate, sample_rate)
