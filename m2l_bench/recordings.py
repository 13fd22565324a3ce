"""Folders of audio files that are named like the clips: reconstructions from another program or machine."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from m2l_bench import audio as audio_files
from m2l_bench.audio import EXTENSIONS, Audio
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
        self._folders: dict[Path, dict[str, list[Path]]] = {}

    def find(self, clip_id: str) -> list[Path]:
        """Find the files of a clip: those named like it with an audio extension added, or exactly like it."""
        folder = (self.directory / clip_id).parent
        if folder not in self._folders:
            self._folders[folder] = _files_by_name(folder)
        return self._folders[folder].get(Path(clip_id).name, [])

    def read(self, clip_id: str, sample_rate: int) -> Audio:
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
        paths = self.find(clip_id)
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


def _files_by_name(folder: Path) -> dict[str, list[Path]]:
    """List each audio file of a folder under its name with and without the extension."""
    files: dict[str, list[Path]] = {}
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in EXTENSIONS:
                for name in (path.name, path.stem):
                    files.setdefault(name, []).append(path)
    return files
