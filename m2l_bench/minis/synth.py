"""Notes to audio with a soundfont, through TinySoundFont. The same notes give the same samples on the same machine."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from m2l_bench.audio import Audio
from m2l_bench.errors import UserError
from m2l_bench.music2latent.hashes import file_checksum

RATE = 44_100
DRUMS = -1
"""As a program: General MIDI's drum kit."""
FLUSH_SAMPLES = RATE // 4
"""After `sounds_off` voices fade for a moment: that much is thrown away before the next notes."""
INSTALL = "pip install 'm2l-bench[mini]' && pip install --no-deps tinysoundfont"
"""TinySoundFont asks for PyAudio, which it needs only to play aloud and which seldom installs."""


@dataclass(frozen=True)
class Note:
    """Start and end in seconds, pitch and velocity as in MIDI, program of General MIDI counted from 0, or DRUMS."""

    start: float
    end: float
    pitch: int
    velocity: int
    program: int


class Synth:
    """A soundfont, loaded once.

    Args:
        soundfont: an .sf2 or .sf3 file; None: the one inside the package pretty_midi (TimGM6mb, 6 MB).

    Raises:
        UserError: the renderer is not installed, or the file is not a soundfont.
    """

    def __init__(self, soundfont: Path | None = None) -> None:
        module = require("tinysoundfont")
        self.path = soundfont or default_soundfont()
        if not self.path.is_file():
            raise UserError(f"--soundfont {self.path}: no such file")
        self.synth: Any = module.Synth(samplerate=RATE)
        try:
            self.font = self.synth.sfload(str(self.path))
        except (RuntimeError, module.SoundFontException) as error:
            raise UserError(f"--soundfont {self.path}: not readable as a soundfont (.sf2, .sf3)") from error

    def recipe(self) -> dict[str, str]:
        """What the sound depends on."""
        return {
            "soundfont": self.path.name,
            "soundfont_sha256": file_checksum(self.path),
            "tinysoundfont": version("tinysoundfont"),
        }

    def render(self, notes: Sequence[Note], seconds: float, cents: float = 0.0) -> Audio:
        """Mono audio (1, samples), at the soundfont's own level.

        Args:
            seconds: length; what still sounds then is cut off.
            cents: by how much everything but the drums is out of tune.
        """
        programs = sorted({note.program for note in notes})
        for channel, program in enumerate(programs):
            if program == DRUMS:
                self.synth.program_select(channel, self.font, 0, 0, True)
            else:
                self.synth.program_select(channel, self.font, 0, program)
                self.synth.set_tuning(channel, cents / 100)
        total = round(seconds * RATE)
        # At one moment notes end before others start, so that a repeated pitch sounds again.
        events = sorted(
            (round(moment * RATE), starts, programs.index(note.program), note.pitch, note.velocity)
            for note in notes
            for starts, moment in ((False, note.end), (True, note.start))
        )
        audio = np.zeros((total, 2), np.float32)
        buffer = audio.data.cast("B")
        done = 0
        for at, starts, channel, pitch, velocity in events:
            if done < min(at, total):
                self.synth.generate(min(at, total) - done, buffer[8 * done : 8 * min(at, total)])
                done = min(at, total)
            if starts:
                self.synth.noteon(channel, pitch, velocity)
            else:
                self.synth.noteoff(channel, pitch)
        if done < total:
            self.synth.generate(total - done, buffer[8 * done :])
        for channel in range(len(programs)):
            self.synth.sounds_off(channel)
            self.synth.set_tuning(channel, 0.0)
        self.synth.generate(FLUSH_SAMPLES)
        return (audio[None, :, 0] + audio[None, :, 1]) * np.float32(0.5)


def default_soundfont() -> Path:
    """TimGM6mb (Tim Brechbill, GPL 2), which pretty_midi's wheel holds."""
    spec = find_spec("pretty_midi")
    if spec is None or spec.origin is None:
        raise UserError(f"the rendered datasets need a soundfont: {INSTALL}, or --soundfont FILE.sf2")
    return Path(spec.origin).with_name("TimGM6mb.sf2")


def require(module: str) -> Any:
    """The module, or how to install it.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except (ImportError, PackageNotFoundError) as error:
        raise UserError(f"the rendered datasets need the package {module}: {INSTALL}") from error
