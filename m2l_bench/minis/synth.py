"""Rendering of notes with a soundfont, through TinySoundFont.

The same notes give the same samples on the same machine.
"""

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
"""Sample rate of the rendered audio in Hz."""
DRUMS = -1
"""Number that means General MIDI's drum kit in the place of a program."""
FLUSH_SAMPLES = RATE // 4
"""Samples that are discarded after a clip, while voices fade after `sounds_off`."""
INSTALL = "pip install 'm2l-bench[mini]' && pip install --no-deps tinysoundfont"
"""Commands that install the renderer. TinySoundFont requires PyAudio, which is hard to install and only needed for
playback, so it is installed without its requirements."""


@dataclass(frozen=True)
class Note:
    """A note of an instrument.

    Attributes:
        start: start in seconds.
        end: end in seconds.
        pitch: MIDI pitch.
        velocity: MIDI velocity.
        program: General MIDI program, counted from 0, or `DRUMS`.
    """

    start: float
    end: float
    pitch: int
    velocity: int
    program: int


class Synth:
    """A renderer with one soundfont.

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
        """List what the sound depends on."""
        return {
            "soundfont": self.path.name,
            "soundfont_sha256": file_checksum(self.path),
            "tinysoundfont": version("tinysoundfont"),
        }

    def render(self, notes: Sequence[Note], seconds: float, cents: float = 0.0) -> Audio:
        """Render notes to mono audio (1, samples), at the soundfont's own level.

        Args:
            seconds: length of the audio; notes that are still sounding then are cut off.
            cents: detuning of everything but the drums.
        """
        programs = sorted({note.program for note in notes})
        for channel, program in enumerate(programs):
            if program == DRUMS:
                self.synth.program_select(channel, self.font, 0, 0, True)
            else:
                self.synth.program_select(channel, self.font, 0, program)
                self.synth.set_tuning(channel, cents / 100)
        total = round(seconds * RATE)
        # At the same moment notes end before others start, so that a repeated pitch sounds again.
        events = sorted(
            (round(moment * RATE), starts, programs.index(note.program), note.pitch, note.velocity)
            for note in notes
            for starts, moment in ((False, note.end), (True, note.start))
        )
        audio = np.zeros((total, 2), np.float32)
        buffer = audio.data.cast("B")
        rendered = 0
        for sample, starts, channel, pitch, velocity in events:
            if rendered < min(sample, total):
                self.synth.generate(min(sample, total) - rendered, buffer[8 * rendered : 8 * min(sample, total)])
                rendered = min(sample, total)
            if starts:
                self.synth.noteon(channel, pitch, velocity)
            else:
                self.synth.noteoff(channel, pitch)
        if rendered < total:
            self.synth.generate(total - rendered, buffer[8 * rendered :])
        for channel in range(len(programs)):
            self.synth.sounds_off(channel)
            self.synth.set_tuning(channel, 0.0)
        self.synth.generate(FLUSH_SAMPLES)
        return (audio[None, :, 0] + audio[None, :, 1]) * np.float32(0.5)


def default_soundfont() -> Path:
    """Find TimGM6mb (Tim Brechbill, GPL 2), which pretty_midi's wheel contains.

    Raises:
        UserError: pretty_midi is not installed.
    """
    spec = find_spec("pretty_midi")
    if spec is None or spec.origin is None:
        raise UserError(f"the rendered datasets need a soundfont: run {INSTALL}, or pass --soundfont FILE.sf2")
    return Path(spec.origin).with_name("TimGM6mb.sf2")


def require(module: str) -> Any:
    """Import a module that the rendered datasets need.

    Raises:
        UserError: it is not installed; the message tells how to install it.
    """
    try:
        return importlib.import_module(module)
    except (ImportError, PackageNotFoundError) as error:
        raise UserError(f"the rendered datasets need the package {module}: run {INSTALL}") from error
