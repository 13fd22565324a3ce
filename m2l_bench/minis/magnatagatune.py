"""mini-magnatagatune: ten-second windows of multi-track MIDI, tagged with their instruments and their tempo.

The tags are families of General MIDI's instruments, `drums`, and `slow` or `fast` according to the tempo in the file.
In each window some stems (a family, or the drums) are left out at random, so no tag is always present. All windows of
a piece share a split. The sources are the music of free games: see `midi_files`.
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
"""Families of General MIDI's instruments, eight programs each."""
SLOW_BELOW, FAST_FROM = 100.0, 140.0
"""Limits of the tags `slow` and `fast` in quarter notes per minute."""
DROPOUT = 0.3
"""Probability that a stem is left out of a window."""
HEARD_SECONDS = 1.0
"""Total length of a stem's notes in a window from which on the stem is used; a drum hit counts as 0.1 s."""
LEAST_PER_SPLIT = 3
"""Minimum number of clips with, and of clips without, every tag in every split."""
LEAST_PIECES = 8
"""Minimum number of pieces with a tag; rarer tags are not used because they could not be split."""


@dataclass(frozen=True)
class Window:
    """Ten seconds of a piece, without the stems that were left out."""

    piece: Piece
    start: int
    """Start of the window in the piece, in seconds."""
    notes: tuple[Note, ...]
    """Notes, whose times count from the start of the window."""
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
    """Plan one audio file per window, `annotations_final.csv`, and the arrays of splits and tags.

    Args:
        render: a function that renders notes, such as `Synth.render`.
        sources: the pieces.
        least: minimum number of clips with, and of clips without, every tag in every split.
        least_pieces: minimum number of pieces with a tag.
    """
    all_windows = [window for piece in sources for window in windows(piece)]
    pieces_and_tags = {(window.piece.digest, tag) for window in all_windows for tag in window.tags}
    piece_counts = Counter(tag for _, tag in pieces_and_tags)
    tags = sorted(tag for tag, count in piece_counts.items() if count >= least_pieces)
    tagged_windows = [window for window in all_windows if window.tags.intersection(tags)]
    tags_of_piece: dict[str, list[frozenset[str]]] = {}
    for window in tagged_windows:
        tags_of_piece.setdefault(window.piece.digest, []).append(window.tags.intersection(tags))
    split_of = split_groups(tags_of_piece, least)
    paths = [_path(window) for window in tagged_windows]
    rows = [
        (number, *(int(tag in window.tags) for tag in tags), path)
        for number, (window, path) in enumerate(zip(tagged_windows, paths, strict=True), start=1)
    ]
    annotations = {
        f"metadata/{ANNOTATIONS}": csv_bytes(["clip_id", *tags, "mp3_path"], rows, delimiter="\t"),
        "metadata/tags.npy": _array(tags),
    }
    for split, name in ARRAYS.items():
        numbers = [i for i, window in enumerate(tagged_windows) if split_of[window.piece.digest] == split]
        annotations[f"metadata/{name}"] = _array([f"{i + 1}\t{paths[i]}" for i in numbers])
    groups = {str(number): window.piece.digest for number, window in enumerate(tagged_windows, start=1)}
    annotations |= splits_csv(groups, split_of)
    jobs = [
        Job(f"audio/{path}", partial(_clip, render, window)) for window, path in zip(tagged_windows, paths, strict=True)
    ]
    return Plan(jobs, annotations)


def windows(piece: Piece) -> list[Window]:
    """Cut a piece into whole windows, without those in which nothing is heard."""
    heard_windows = []
    for start in range(0, int(piece.end // SECONDS * SECONDS), round(SECONDS)):
        random = random_for(NAME, piece.digest, str(start))
        stems: dict[str, list[Note]] = {}
        for note in piece.notes:
            if note.start < start + SECONDS and note.end > start:
                begin, end = max(note.start - start, 0.0), min(note.end - start, SECONDS)
                stems.setdefault(stem(note), []).append(Note(begin, end, note.pitch, note.velocity, note.program))
        heard = [name for name in sorted(stems) if _total_seconds(stems[name]) >= HEARD_SECONDS]
        if not heard:
            continue
        used = [name for name in heard if random.random() >= DROPOUT] or [heard[random.integers(len(heard))]]
        tempo = _tempo(piece, start + SECONDS / 2)
        tempo_tags = {"slow"} if tempo < SLOW_BELOW else {"fast"} if tempo >= FAST_FROM else set()
        notes = tuple(note for name in used for note in stems[name])
        heard_windows.append(Window(piece, start, notes, frozenset(used) | tempo_tags))
    return heard_windows


def stem(note: Note) -> str:
    """Return the family of the note's instrument, or `drums`."""
    return "drums" if note.program == DRUMS else FAMILIES[note.program // 8]


def _total_seconds(notes: Sequence[Note]) -> float:
    """Add up the lengths of notes in seconds; a drum hit counts as 0.1 s."""
    return sum(0.1 if note.program == DRUMS else note.end - note.start for note in notes)


def _tempo(piece: Piece, second: float) -> float:
    """Look up the tempo at a moment, in quarter notes per minute."""
    next_change = bisect_right([moment for moment, _ in piece.tempi], second)
    return piece.tempi[max(next_change - 1, 0)][1]


def _path(window: Window) -> str:
    name = re.sub(r"[^a-z0-9_.-]+", "_", window.piece.name.lower())
    return f"{window.piece.digest[0]}/{name}-{window.start}-{window.start + round(SECONDS)}.flac"


def _clip(render: Callable[..., Audio], window: Window) -> Audio:
    return level(render(window.notes, SECONDS))


def _array(texts: Sequence[str]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array(texts, dtype=str), allow_pickle=False)
    return buffer.getvalue()
