"""The sets of clips that `generate` wrote, as the systems of a page, heard beside the held-out music.

Clips of one number are not versions of one piece of music: only `codec` holds what the held-out clip of its number is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import count, takewhile
from pathlib import Path

from m2l_bench.cards import SystemCard, load_cards
from m2l_bench.datasets.base import Clip
from m2l_bench.errors import UserError
from m2l_bench.listen.content import Collection, Figure, ListeningClip, Reference, ShownSystem
from m2l_bench.listen.generated_figures import figures_of
from m2l_bench.listen.roles import ANCHOR, SYSTEM
from m2l_bench.plots.looks import Look, looks
from m2l_bench.runs.generated import (
    AGAIN,
    CODEC,
    CORPUS,
    CSV,
    NOISE,
    SAMPLES,
    SHUFFLED,
    GeneratedSet,
    path_of,
    read_sets,
)
from m2l_bench.text import counted

DATASET = "generated sets"
"""Name of a page of such sets, in place of that of a dataset."""
HELD_OUT = Reference("Held-out music", corresponds=False)
DESCRIPTIONS = {
    NOISE: "Floor: latents of which each number is drawn by itself, with the mean and the deviation of its row.",
    SHUFFLED: "Floor: the clips of the corpus, with the frames of their latents in random order.",
    CORPUS: "Ceiling: music that the transformer was trained on, through the codec.",
    CODEC: "Ceiling: the held-out music itself, through the codec.",
}


def holds_generated_sets(folder: Path) -> bool:
    """Whether `m2l-bench generate` wrote this folder."""
    return (folder / CSV).is_file()


def gather_generated(folder: Path, cards: Sequence[Path] = (), limit: int | None = None) -> Collection:
    """Find the clips of the sets of the latest command that wrote a folder.

    Args:
        folder: what `generate` wrote; it holds `generate.csv`.
        cards: folders of further cards, for the titles of systems that are not in this package.
        limit: use only this many clips of each set, the first ones.

    Raises:
        UserError: `generate.csv` cannot be read, or the held-out music or all sets are gone.
    """
    every_set = read_sets(folder)
    reference = every_set[0].reference
    references = list(takewhile(Path.is_file, (path_of(reference, number) for number in count())))
    if not references:
        raise UserError(f"{reference}: the held-out music is gone: {AGAIN}")
    most = max(entry.count for entry in every_set)
    clips = references[: min(most, limit or most)]
    sets, notes = _audible_sets(every_set, reference, len(clips))
    if not sets:
        raise UserError(f"{folder}: none of its sets can be heard: {notes[0]}")
    if len(references) < most:
        notes.append(f"only the first {len(references)} of {counted(most, 'clip')}: there is no more held-out music")
    figures = figures_of(sets)
    return Collection(
        dataset=DATASET,
        systems=_shown_systems(sets, figures, cards),
        figures=figures,
        metrics=(),
        clips=tuple(_clip(number, path, sets) for number, path in enumerate(clips)),
        ranking=(),
        notes=tuple(notes),
        reference=HELD_OUT,
    )


def _audible_sets(
    every_set: Sequence[GeneratedSet], reference: Path, clips: int
) -> tuple[list[GeneratedSet], list[str]]:
    """Choose the sets of which the first clips are all there; with notes about the others."""
    sets, notes = [], []
    for entry in every_set:
        paths = (path_of(entry.folder, number) for number in range(min(clips, entry.count)))
        gone = next((path for path in paths if not path.is_file()), None)
        if entry.reference != reference:
            notes.append(f"{_name(entry)}: not on the page, it was compared with other held-out music")
        elif gone:
            notes.append(f"{_name(entry)}: not on the page, {gone} is gone: {AGAIN}")
        else:
            sets.append(entry)
    return sets, notes


def _name(entry: GeneratedSet) -> str:
    """Name a set in the address of a page: `music2latent/samples-0`."""
    return f"{entry.system}/{entry.title}".replace(", seed ", "-").replace(" ", "-")


def _clip(number: int, reference: Path, sets: Sequence[GeneratedSet]) -> ListeningClip:
    files = {_name(entry): path_of(entry.folder, number) for entry in sets if number < entry.count}
    return ListeningClip(Clip(f"clip {reference.stem}", reference), "", files, {name: {} for name in files})


def _shown_systems(
    sets: Sequence[GeneratedSet], figures: Sequence[Figure], cards: Sequence[Path]
) -> tuple[ShownSystem, ...]:
    systems = load_cards(cards).systems
    system_looks = looks({entry.system for entry in sets})
    return tuple(_shown_system(entry, figures, systems.get(entry.system), system_looks[entry.system]) for entry in sets)


def _shown_system(entry: GeneratedSet, figures: Sequence[Figure], card: SystemCard | None, look: Look) -> ShownSystem:
    """Describe a set. Floors and ceilings are anchors; the authors of the codec are named with `codec`."""
    of_codec = card if entry.set == CODEC else None
    description = DESCRIPTIONS.get(entry.set, "")
    if entry.steps is not None:
        description = f"Drawn from a transformer after {counted(entry.steps, 'step')} of training on the latents."
    return ShownSystem(
        name=_name(entry),
        title=f"{card.title if card else entry.system}: {entry.title}",
        kind=SYSTEM if entry.set == SAMPLES else ANCHOR,
        description=description,
        citation=of_codec.citation if of_codec else "",
        source=of_codec.source if of_codec else "",
        clips=entry.count,
        kilobits=math.nan,
        figures={figure.metric.name: entry.figure(figure.metric.name) for figure in figures},
        look=look,
    )
