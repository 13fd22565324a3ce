"""mini-magnatagatune: ten-second windows of multi-track MIDI, tagged with what sounds in them and how fast.

Tags are families of General MIDI's instruments, `drums`, and `slow` or `fast` by the tempo that is written in the
file. In each window some stems (a family, or the drums) are left out by chance, so that no tag is always there. Pieces
share a split. The sources are free games' music: see `midi_files`.
"""

from __future__ import annotations

import io
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from m2l_bench.audio import Audio
from m2l_bench.datasets.magnatagatune import ANNOTATIONS, ARRAYS
from m2l_bench.minis.midi_files import Piece, midi_contents, read_pieces
from m2l_bench.minis.splitting import split_groups, splits_csv
from m2l_bench.minis.synth import DRUMS, Note, Synth
from m2l_bench.minis.workshop import Job, Plan, csv_bytes, level, make, random_for
from m2l_bench.progress import Progress

NAME = "mini-magnatagatune"
SECONDS = 10.0
FAMILIES = (
    "piano", "chromatic percussion", "organ", "guitar", "bass", "strings", "ensemble", "brass", "reed", "pipe",
    "synth lead", "synth pad", "synth effects", "ethnic", "percussive", "sound effects",
)  # fmt: skip
"""Of General MIDI: eight programs each."""
SLOW_BELOW, FAST_FROM = 100.0, 140.0
"""Quarter notes a minute."""
DROPOUT = 0.3
"""Chance of each stem to be left out of a window."""
HEARD_SECONDS = 1.0
"""A stem is tagged, and kept, when its notes last so long in the window, taken together; a drum hit counts 0.1 s."""
LEAST_PER_SPLIT = 3
"""Clips with, and without, every tag in every split."""
LEAST_PIECES = 8
"""Tags of fewer pieces are not kept: they could not be split."""


@dataclass(frozen=True)
class Window:
    """Ten seconds of a piece after the dropout; times of notes count from its beginning."""

    piece: Piece
    start: int
    notes: tuple[Note, ...]
    tags: frozenset[str]


def build(folder: Path, soundfont: Path | None, midi: Path | None, progress: Progress) -> dict[str, int]:
    """Render the set into `folder`.

    Args:
        midi: a folder of MIDI files; None: those of the Debian packages freedoom and openttd-openmsx.

    Raises:
        UserError: see `Synth`, `midi_contents` and `make`.
    """
    synth = Synth(soundfont)
    contents = midi_contents(midi)
    recipe = {"name": NAME, "version": 1, "midi": sorted(contents), **synth.recipe()}
    return make(NAME, folder, recipe, lambda: plan(synth.render, read_pieces(contents)), progress)


def plan(
    render: Callable[..., Audio],
    sources: Sequence[Piece],
    least: int = LEAST_PER_SPLIT,
    least_pieces: int = LEAST_PIECES,
) -> Plan:
    """A file a window, `annotations_final.csv`, and the arrays of splits and tags."""
    made = [window for piece in sources for window in windows(piece)]
    spread = Counter(tag for _, tag in {(window.piece.digest, tag) for window in made for tag in window.tags})
    tags = sorted(tag for tag, count in spread.items() if count >= least_pieces)
    kept = [window for window in made if window.tags.intersection(tags)]
    tags_of_piece: dict[str, list[frozenset[str]]] = {}
    for window in kept:
        tags_of_piece.setdefault(window.piece.digest, []).append(window.tags.intersection(tags))
    split_of = split_groups(tags_of_piece, least)
    paths = [_path(window) for window in kept]
    rows = [
        (number, *(int(tag in window.tags) for tag in tags), path)
        for number, (window, path) in enumerate(zip(kept, paths, strict=True), start=1)
    ]
    annotations = {
        f"metadata/{ANNOTATIONS}": csv_bytes(["clip_id", *tags, "mp3_path"], rows, delimiter="\t"),
        "metadata/tags.npy": _array(tags),
    }
    for split, name in ARRAYS.items():
        numbers = [i for i, window in enumerate(kept) if split_of[window.piece.digest] == split]
        annotations[f"metadata/{name}"] = _array([f"{i + 1}\t{paths[i]}" for i in numbers])
    annotations |= splits_csv({str(i): window.piece.digest for i, window in enumerate(kept, start=1)}, split_of)
    jobs = [Job(f"audio/{path}", partial(_clip, render, window)) for window, path in zip(kept, paths, strict=True)]
    return Plan(jobs, annotations)


def windows(piece: Piece) -> list[Window]:
    """The whole windows of a piece in which something is heard."""
    found = []
    for start in range(0, int(piece.end // SECONDS * SECONDS), round(SECONDS)):
        random = random_for(NAME, piece.digest, str(start))
        stems: dict[str, list[Note]] = {}
        for note in piece.notes:
            if note.start < start + SECONDS and note.end > start:
                begin, end = max(note.start - start, 0.0), min(note.end - start, SECONDS)
                stems.setdefault(stem(note), []).append(Note(begin, end, note.pitch, note.velocity, note.program))
        heard = [name for name in sorted(stems) if _sounding(stems[name]) >= HEARD_SECONDS]
        if not heard:
            continue
        kept = [name for name in heard if random.random() >= DROPOUT] or [heard[random.integers(len(heard))]]
        tempo = _tempo(piece, start + SECONDS / 2)
        pace = {"slow"} if tempo < SLOW_BELOW else {"fast"} if tempo >= FAST_FROM else set()
        notes = tuple(note for name in kept for note in stems[name])
        found.append(Window(piece, start, notes, frozenset(kept) | pace))
    return found


def stem(note: Note) -> str:
    """The family of the note's instrument, or `drums`."""
    return "drums" if note.program == DRUMS else FAMILIES[note.program // 8]


def _sounding(notes: Sequence[Note]) -> float:
    """Seconds of all notes together, each drum hit taken as a tenth."""
    return sum(0.1 if note.program == DRUMS else note.end - note.start for note in notes)


def _tempo(piece: Piece, second: float) -> float:
    """Quarter notes a minute at that moment."""
    after = bisect_right([moment for moment, _ in piece.tempi], second)
    return piece.tempi[max(after - 1, 0)][1]


def _path(window: Window) -> str:
    name = re.sub(r"[^a-z0-9_.-]+", "_", window.piece.name.lower())
    return f"{window.piece.digest[0]}/{name}-{window.start}-{window.start + round(SECONDS)}.flac"


def _clip(render: Callable[..., Audio], window: Window) -> Audio:
    return level(render(window.notes, SECONDS))


def _array(texts: Sequence[str]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array(texts, dtype=str), allow_pickle=False)
    return buffer.getvalue()
