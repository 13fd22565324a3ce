"""mini-beatport: the last ten seconds of Bach chorales in all 24 keys, for many instruments, half of them with drums.

Chorales with the same tune share a split. Each chorale is transposed to several of the twelve tonics of its mode: four
in major and six in minor, of which the corpus has fewer, so all keys are about equally frequent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from m2l_bench.audio import Audio
from m2l_bench.datasets.tinysol import PITCH_CLASSES
from m2l_bench.minis.chorales import Chorale, chorales
from m2l_bench.minis.splitting import split_groups, splits_csv
from m2l_bench.minis.synth import DRUMS, Note, Synth, require
from m2l_bench.minis.workshop import Job, Plan, level, make, random_for
from m2l_bench.progress import Progress

NAME = "mini-beatport"
SECONDS = 10.0
RELEASE_SECONDS = 0.5
"""Time after the last chord in which it fades."""
TRANSPOSITIONS = {"major": 4, "minor": 6}
"""Number of keys to which each chorale is transposed, by mode."""
LEAST_PER_SPLIT = 2
"""Minimum number of clips of every key in every split."""
PALETTES = (
    (0,), (4,), (5,), (16,), (19,), (20,), (24,), (11,), (48,), (50,), (52,), (61,), (81,), (88,), (89,), (90,),
    (73, 68, 71, 70), (56, 60, 57, 58), (40, 40, 41, 42), (81, 89, 89, 38), (80, 4, 4, 33), (12, 0, 0, 38),
)  # fmt: skip
"""General MIDI programs for the voices, highest first; the last one is also used for all voices below."""
KICK, SNARE, CLOSED_HAT = 36, 38, 42
"""MIDI pitches of General MIDI's drums."""


def build(folder: Path, soundfont: Path | None, progress: Progress) -> dict[str, int]:
    """Render the set into `folder`.

    Raises:
        UserError: see `Synth`, `chorales` and `make`.
    """
    synth = Synth(soundfont)
    music21 = require("music21")
    recipe = {"name": NAME, "version": 1, "music21": music21.__version__, **synth.recipe()}
    return make(NAME, folder, recipe, lambda: plan(synth.render, chorales(progress)), progress)


def plan(render: Callable[..., Audio], scores: Sequence[Chorale], least: int = LEAST_PER_SPLIT) -> Plan:
    """Plan the files of audio, key and metadata for each chorale in each of its keys.

    Args:
        render: a function that renders notes, such as `Synth.render`.
        scores: the chorales.
        least: minimum number of clips of every key in every split.
    """
    jobs: list[Job] = []
    annotations: dict[str, bytes] = {}
    groups: dict[str, str] = {}
    keys_of_tune: dict[str, list[frozenset[str]]] = {}
    for mode, transpositions in TRANSPOSITIONS.items():
        step = 12 // transpositions
        for i, score in enumerate(score for score in scores if score.mode == mode):
            for tonic in range(i % step, 12, step):
                key = f"{PITCH_CLASSES[tonic]} {mode}"
                id = f"{score.name} in {key}"
                beats_per_minute = int(random_for(NAME, "tempo", id).integers(76, 127))
                jobs.append(Job(f"audio/{id}.flac", partial(_clip, render, score, id, tonic, beats_per_minute)))
                annotations[f"keys/{id}.txt"] = key.encode()
                annotations[f"meta/{id}.json"] = _metadata(score, key, beats_per_minute)
                groups[id] = score.tune
                keys_of_tune.setdefault(score.tune, []).append(frozenset([key]))
    return Plan(jobs, {**annotations, **splits_csv(groups, split_groups(keys_of_tune, least))})


def _clip(render: Callable[..., Audio], score: Chorale, id: str, tonic: int, beats_per_minute: int) -> Audio:
    random = random_for(NAME, id)
    return level(render(arrange(score, tonic, beats_per_minute, random), SECONDS))


def arrange(score: Chorale, tonic: int, beats_per_minute: int, random: np.random.Generator) -> list[Note]:
    """Arrange the end of a chorale, transposed by at most a tritone, for the length of a clip.

    Args:
        tonic: pitch class of the new key, C is 0.
        random: decides instruments, drums and velocities.
    """
    shift = (tonic - score.tonic + 6) % 12 - 6
    quarter = 60.0 / beats_per_minute
    palette = PALETTES[random.integers(len(PALETTES))]
    drums = bool(random.integers(2))
    origin = SECONDS - RELEASE_SECONDS - score.end * quarter
    notes = []
    for i, voice in enumerate(score.voices):
        program = palette[min(i, len(palette) - 1)]
        for event in voice:
            start, end = origin + event.start * quarter, origin + event.end * quarter
            if end > 0.05:
                velocity = int(random.integers(78, 100))
                notes.append(Note(max(start, 0.0), end, event.pitch + shift, velocity, program))
    if drums:
        notes += _beat(origin % quarter, quarter)
    return notes


def _beat(first: float, quarter: float) -> list[Note]:
    """Write a kick on every beat, a snare on every second beat and a hi-hat between beats.

    Args:
        first: time of the first beat in seconds.
        quarter: seconds between beats.
    """
    notes = []
    for i, beat in enumerate(np.arange(first, SECONDS - RELEASE_SECONDS, quarter)):
        hits = [(beat, KICK, 96), (beat + quarter / 2, CLOSED_HAT, 70)]
        if i % 2:
            hits.append((beat, SNARE, 84))
        notes += [Note(float(start), float(start) + 0.1, pitch, velocity, DRUMS) for start, pitch, velocity in hits]
    return notes


def _metadata(score: Chorale, key: str, beats_per_minute: int) -> bytes:
    """Write the fields of Beatport's metadata that mirdata reads."""
    content = {
        "title": score.name,
        "artists": [{"name": "Johann Sebastian Bach"}],
        "genres": [{"name": "Rendered chorale"}],
        "sub_genres": [],
        "bpm": beats_per_minute,
        "key": key,
    }
    return json.dumps(content, indent=1).encode()
