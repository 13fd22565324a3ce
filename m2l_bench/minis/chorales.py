"""Bach's chorales in music21's corpus, limited to those whose key is certain."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from m2l_bench.minis.synth import require
from m2l_bench.progress import Progress

TUNE_NOTES = 16
"""Number of equal steps at the beginning of two top voices that make them the same tune, which several chorales can
share."""


@dataclass(frozen=True)
class Event:
    """A note with its start and end in quarter notes and its MIDI pitch."""

    start: float
    end: float
    pitch: int


@dataclass(frozen=True)
class Chorale:
    """A score in its own key."""

    name: str
    tonic: int
    """Pitch class of the key, C is 0."""
    mode: str
    """`major` or `minor`."""
    tune: str
    """Name of the first chorale with this tune."""
    voices: tuple[tuple[Event, ...], ...]
    """Notes of each voice, highest voice first."""

    @property
    def end(self) -> float:
        """End of the last note in quarter notes."""
        return max(event.end for voice in self.voices for event in voice)


def chorales(progress: Progress) -> list[Chorale]:
    """List the chorales whose declared key, last bass note and Krumhansl-Schmuckler analysis agree, sorted by name.

    Raises:
        UserError: music21 is not installed.
    """
    corpus = require("music21.corpus")
    # The corpus has a few chorales in two formats, of which the first, .mxl, is used.
    paths = {
        path.name.rpartition(".")[0]: path
        for path in sorted(corpus.getComposer("bach"), key=lambda path: str(path.name), reverse=True)
        if path.name.startswith("bwv")
    }
    clear_chorales: list[Chorale] = []
    tunes: dict[tuple[int, ...], str] = {}
    with progress.start("chorales", len(paths), 0) as advance:
        for name, path in sorted(paths.items()):
            score = corpus.parse(path)
            voices = _voices(score)
            key = _agreed_key(score, voices)
            if key is not None:
                top = [event.pitch for event in voices[0][: TUNE_NOTES + 1]]
                tune = tunes.setdefault(tuple(b - a for a, b in pairwise(top)), name)
                clear_chorales.append(Chorale(name, key.tonic.pitchClass, key.mode, tune, voices))
            advance()
    return clear_chorales


def _voices(score: Any) -> tuple[tuple[Event, ...], ...]:
    return tuple(
        tuple(
            Event(float(note.offset), float(note.offset + note.quarterLength), pitch.midi)
            for note in part.flatten().notes
            for pitch in note.pitches
            if note.quarterLength > 0
        )
        for part in score.stripTies().parts
    )


def _agreed_key(score: Any, voices: tuple[tuple[Event, ...], ...]) -> Any:
    """Find the key of a score; None if its three signs do not agree or a voice is empty."""
    declared = list(score.recurse().getElementsByClass("Key"))
    if not declared or not all(voices):
        return None
    analysed = score.analyze("key.krumhansl")
    last = max(event.end for voice in voices for event in voice)
    bass = min(event.pitch for voice in voices for event in voice if event.end == last)
    agrees = (analysed.tonic.pitchClass, analysed.mode) == (declared[0].tonic.pitchClass, declared[0].mode)
    return analysed if agrees and bass % 12 == analysed.tonic.pitchClass else None
