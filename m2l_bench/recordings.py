"""Folders of audio files that are named like the clips: reconstructions from another program or machine."""

from __future__ import annotations

import unicodedata
from functools import cached_property
from pathlib import Path
from typing import Literal

from m2l_bench import audio as audio_files
from m2l_bench.audio import Audio
from m2l_bench.audio.listing import clip_id, list_audio
from m2l_bench.errors import BadClip, MissingRecording


class RecordingFolder:
    """Reader of the files `<directory>/<clip id>.<wav|flac|mp3|...>`.

    Args:
        directory: the folder.
        sample_rate: "label" resamples from the rate that the file states to the original's rate; "reference" takes the
            samples as being at the original's rate already, for files that state a wrong rate.
    """

    def __init__(self, directory: Path | str, sample_rate: Literal["label", "reference"] = "label") -> None:
        self.directory = Path(directory)
        self.sample_rate = sample_rate

    def find(self, id: str) -> list[Path]:
        """Find the files that could be this clip's: its id with an audio extension, or its id as it is."""
        return self._files.get(unicodedata.normalize("NFC", id), [])

    @cached_property
    def _files(self) -> dict[str, list[Path]]:
        """The files of the folder, by their path below it with and without extension."""
        files: dict[str, list[Path]] = {}
        for path in list_audio(self.directory).files:
            below = path.relative_to(self.directory)
            for name in (below, below.with_suffix("")):
                files.setdefault(clip_id(name), []).append(path)
        return files

    def read(self, id: str, sample_rate: int) -> Audio:
        """Read the recording of a clip.

        Args:
            sample_rate: the original's rate in Hz.

        Returns:
            (channels, samples) at the original's rate. The numbers of channels and samples may differ from the
            original's.

        Raises:
            MissingRecording: there is no file for this clip.
            BadClip: there is more than one file, or it cannot be read.
        """
        paths = self.find(id)
        if not paths:
            raise MissingRecording("no recording of it")
        if len(paths) > 1:
            raise BadClip(f"two files for it: {paths[0].name}, {paths[1].name}")
        try:
            recording, rate = audio_files.read(paths[0])
        except BadClip as error:
            raise BadClip(f"recording {paths[0].name}: {error}") from error
        if self.sample_rate == "reference":
            return recording
        return audio_files.resample(recording, rate, sample_rate)
