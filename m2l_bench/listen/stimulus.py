"""The files that a browser loads for a piece of audio: a script that holds a FLAC file, and a spectrogram.

A page opened from disk may load scripts but not read files, so audio is stored as text in scripts, one per piece, which
the page loads when it needs them. The format is FLAC because every recent browser decodes it, to exactly the samples
that were measured; a lossy format would add errors of its own to what is compared. Files are named by their content,
so a piece is written only once, a second run writes only new pieces, and the names reveal nothing in a blind test.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from m2l_bench import audio as audio_files
from m2l_bench.audio import Audio
from m2l_bench.listen import loudness, picture
from m2l_bench.listen.content import ListeningClip
from m2l_bench.listen.loudness import Level
from m2l_bench.runs.files import write_atomically

VERSION = 2
"""Version of these files' content; a new version writes all of them again."""
AUDIO, PICTURES = "audio", "pictures"
ID = r"[0-9a-f]{20}"


@dataclass(frozen=True)
class Stimulus:
    """A piece of audio on the page."""

    id: str
    level: Level
    difference: str = ""
    """Id of the picture of its difference from the original; empty for the original itself, and where there is none."""


@dataclass(frozen=True)
class ClipStimuli:
    """A clip's pieces, all of the same length."""

    seconds: float
    original: Stimulus
    reconstructions: dict[str, Stimulus]
    """Pieces by system."""

    @property
    def audio(self) -> set[str]:
        """Ids of its audio files."""
        return {piece.id for piece in (self.original, *self.reconstructions.values())}

    @property
    def pictures(self) -> set[str]:
        """Ids of its pictures."""
        return self.audio | {piece.difference for piece in self.reconstructions.values() if piece.difference}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> ClipStimuli:
        """Read back what `dataclasses.asdict` returned.

        Raises:
            KeyError, TypeError: the content is something else.
        """
        reconstructions = {name: _stimulus(piece) for name, piece in content["reconstructions"].items()}
        return cls(content["seconds"], _stimulus(content["original"]), reconstructions)


def _stimulus(content: dict[str, Any]) -> Stimulus:
    return Stimulus(content["id"], Level(**content["level"]), content["difference"])


def fingerprint(clip: ListeningClip, longest_seconds: float) -> str:
    """Identify what `prepare` would read: settings, and sizes and times of the files; "" if a file does not exist."""
    source = clip.clip
    try:
        stats = {name: path.stat() for name, path in ({"": source.path} | clip.reconstructions).items()}
    except OSError:
        return ""
    files = {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}
    return _id(longest_seconds, source.start_seconds, source.duration_seconds, files)


def prepare(clip: ListeningClip, page: Path, longest_seconds: float, differences: bool) -> ClipStimuli:
    """Write those pieces of a clip that are not on the page yet.

    Pieces are cut, or filled up with silence, to the original's length, so that all loop together.

    Args:
        page: folder of the page.
        longest_seconds: longer clips are cut to this length.
        differences: whether to draw the differences of the pieces from the original.

    Raises:
        BadClip: a file cannot be read.
    """
    source = clip.clip
    seconds = min(longest_seconds, source.duration_seconds or longest_seconds)
    original, rate = audio_files.read(source.path, source.start_seconds, seconds)
    samples = original.shape[1]
    original_piece, original_levels = _write_piece(original, rate, page)
    reconstructions = {}
    for name, path in clip.reconstructions.items():
        audio, own_rate = audio_files.read(path, 0.0, seconds)
        audio = audio_files.fit_length(audio, round(samples * own_rate / rate))
        piece, levels = _write_piece(audio, own_rate, page)
        if differences:
            id = _id(original_piece.id, piece.id)
            image = page / PICTURES / f"{id}.webp"
            if not image.is_file():
                write_atomically(image, picture.difference(levels(), original_levels()))
            piece = replace(piece, difference=id)
        reconstructions[name] = piece
    return ClipStimuli(samples / rate, original_piece, reconstructions)


def _write_piece(audio: Audio, rate: int, page: Path) -> tuple[Stimulus, Callable[[], picture.Levels]]:
    """Write a piece that is not on the page yet, and return it with a function that computes its levels once."""
    audio = np.clip(audio if audio.shape[0] <= 2 else audio_files.to_mono(audio), -1.0, 1.0)
    # The id depends on the 16-bit samples: an original and an exact copy of it, read from FLAC, are one piece.
    content = (audio * 32768).round().astype(np.int16)
    id = _id(rate, audio.shape, hashlib.sha256(content.tobytes()).digest())
    script, image = page / AUDIO / f"{id}.js", page / PICTURES / f"{id}.webp"
    written = _written_level(script) if image.is_file() else None
    level = written or loudness.measure(audio, rate)
    levels = cache(lambda: picture.levels(audio, rate, level.lufs))
    if written is None:
        write_atomically(image, picture.spectrogram(levels()))
        text = base64.b64encode(audio_files.flac_bytes(audio, rate)).decode()
        write_atomically(script, f'{_first_line(level)}\nreceiveAudio("{id}", "{text}");\n'.encode())
    return Stimulus(id, level), levels


def _id(*content: object) -> str:
    """Make the name of a file from what is in it."""
    return hashlib.sha256(repr((VERSION, *content)).encode()).hexdigest()[:20]


def _first_line(level: Level) -> str:
    return f"// {json.dumps(asdict(level))}"


def _written_level(script: Path) -> Level | None:
    """Read the level of a piece from the first line of its script; None if the page does not have the piece."""
    try:
        with script.open(encoding="utf-8") as file:
            return Level(**json.loads(file.readline().removeprefix("//")))
    except (OSError, ValueError, TypeError):
        return None
