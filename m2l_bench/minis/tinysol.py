"""mini-tinysol: 2,205 notes of TinySOL's 14 instruments in their TinySOL ranges, rendered with a soundfont.

Each pitch has three dynamics (pp, mf, ff), and a fourth (p) for winds and brass. Each note is slightly out of tune and
has its own length and velocity, like a played note. A clip lasts 3.2 s, long enough for the window of every embedding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from m2l_bench.audio import Audio
from m2l_bench.datasets.tinysol import METADATA, PITCH_CLASSES
from m2l_bench.minis.synth import Note, Synth
from m2l_bench.minis.workshop import Job, Plan, csv_bytes, make, random_for
from m2l_bench.progress import Progress

NAME = "mini-tinysol"
SECONDS = 3.2
SILENT = 1e-3
"""Peak below which a note is missing in the soundfont; the next lower note is then tuned up, as some of TinySOL's
notes are."""
VELOCITY = {"pp": 40, "p": 62, "mf": 86, "ff": 116}
"""MIDI velocity of each dynamic."""
DYNAMICS_ID = {"pp": 0, "p": 1, "mf": 2, "ff": 4}
"""TinySOL's number of each dynamic."""
COLUMNS = (
    "Path", "Fold", "Family", "Instrument (abbr.)", "Instrument (in full)", "Technique (abbr.)", "Technique (in full)",
    "Pitch", "Pitch ID", "Dynamics", "Dynamics ID", "Instance ID", "String ID (if applicable)",
    "Needed digital retuning",
)  # fmt: skip
REED_ORGAN = 20
"""General MIDI program for the accordion: a reed organ has free reeds too, and is in tune, while the accordion of the
default soundfont is out of tune by 70 cents."""
INSTRUMENTS = (
    ("Brass", "Bass_Tuba", "BTb", "Bass Tuba", 58, 30, 65),
    ("Brass", "Horn", "Hn", "French Horn", 60, 31, 77),
    ("Brass", "Trombone", "Tbn", "Trombone", 57, 34, 72),
    ("Brass", "Trumpet_C", "TpC", "Trumpet in C", 56, 54, 86),
    ("Keyboards", "Accordion", "Acc", "Accordion", REED_ORGAN, 28, 109),
    ("Strings", "Violoncello", "Vc", "Violoncello", 42, 36, 84),
    ("Strings", "Contrabass", "Cb", "Contrabass", 43, 28, 72),
    ("Strings", "Viola", "Va", "Viola", 41, 48, 96),
    ("Strings", "Violin", "Vn", "Violin", 40, 55, 100),
    ("Winds", "Sax_Alto", "ASax", "Alto Saxophone", 65, 49, 81),
    ("Winds", "Bassoon", "Bn", "Bassoon", 70, 34, 75),
    ("Winds", "Clarinet_Bb", "ClBb", "Clarinet in B-flat", 71, 50, 91),
    ("Winds", "Flute", "Fl", "Flute", 73, 59, 98),
    ("Winds", "Oboe", "Ob", "Oboe", 68, 58, 93),
)
"""Family, folder, abbreviation, name, General MIDI program, lowest and highest MIDI pitch in TinySOL."""


def build(folder: Path, soundfont: Path | None, progress: Progress, every: int = 1) -> dict[str, int]:
    """Render the set into `folder`.

    Args:
        every: distance between pitches in semitones; more than 1 makes a smaller set.

    Raises:
        UserError: see `Synth` and `make`.
    """
    synth = Synth(soundfont)
    recipe = {"name": NAME, "version": 1, "every": every, **synth.recipe()}
    return make(NAME, folder, recipe, lambda: plan(synth.render, every), progress)


def plan(render: Callable[..., Audio], every: int = 1) -> Plan:
    """Plan one row and one audio file per note, in TinySOL's order: instrument, dynamics, pitch.

    Args:
        render: a function that renders notes, such as `Synth.render`.
        every: distance between pitches in semitones.
    """
    jobs, rows = [], []
    for family, instrument_folder, short, instrument, program, lowest, highest in INSTRUMENTS:
        for dynamics in ("pp", "p", "mf", "ff") if family in ("Winds", "Brass") else ("pp", "mf", "ff"):
            for pitch in range(lowest, highest + 1, every):
                name = f"{PITCH_CLASSES[pitch % 12]}{pitch // 12 - 1}"
                path = f"{family}/{instrument_folder}/ordinario/{short}-ord-{name}-{dynamics}-N-N.flac"
                jobs.append(Job(f"audio/{path}", partial(_note, render, path, program, pitch, VELOCITY[dynamics])))
                fold = int(random_for(NAME, "fold", path).integers(5))
                rows.append(
                    (path, fold, family, short, instrument, "ord", "ordinario", name, pitch, dynamics,
                     DYNAMICS_ID[dynamics], 0, "", "FALSE")
                )  # fmt: skip
    return Plan(jobs, {METADATA.as_posix(): csv_bytes(COLUMNS, rows)})


def _note(render: Callable[..., Audio], path: str, program: int, pitch: int, velocity: int) -> Audio:
    random = random_for(NAME, path)
    start, end, cents = random.uniform(0.0, 0.05), random.uniform(2.2, 2.8), random.uniform(-15.0, 15.0)
    note = Note(start, end, pitch, velocity + int(random.integers(-6, 7)), program)
    audio = render([note], SECONDS, cents=cents)
    if np.abs(audio).max() < SILENT:
        audio = render([replace(note, pitch=pitch - 1)], SECONDS, cents=cents + 100.0)
    return audio
