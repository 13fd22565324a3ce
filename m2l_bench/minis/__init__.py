"""Small probing datasets that are rendered on this machine, in the layouts of the recorded ones that they imitate.

Nothing of unclear licence is shipped: notes come from tables of ranges, from music21's corpus, or from MIDI files of
free games, and the sound comes from a soundfont.
"""

from __future__ import annotations

from pathlib import Path

from m2l_bench.errors import UserError
from m2l_bench.minis import beatport, magnatagatune, tinysol
from m2l_bench.progress import Progress

MINIS = (tinysol.NAME, beatport.NAME, magnatagatune.NAME)


def build(name: str, folder: Path, soundfont: Path | None, midi: Path | None, progress: Progress) -> dict[str, int]:
    """Render one of `MINIS` into `folder`.

    Args:
        name: one of `MINIS`.
        folder: the dataset's folder.
        soundfont: the soundfont; None: the default one.
        midi: a folder of MIDI files, for mini-magnatagatune only; None: the default ones.

    Returns:
        Counts: files, rendered (in this call).

    Raises:
        UserError: something is not installed or not there, or the folder holds something else.
    """
    if name == magnatagatune.NAME:
        return magnatagatune.build(folder, soundfont, midi, progress)
    if midi is not None:
        raise UserError(f"--midi is for {magnatagatune.NAME}, not for {name}")
    if name == tinysol.NAME:
        return tinysol.build(folder, soundfont, progress)
    return beatport.build(folder, soundfont, progress)
