"""Whether every byte of a collection is as it was written."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np

from m2l_bench.boundary import reason_of
from m2l_bench.errors import UserError
from m2l_bench.latents.collection import Collection, read_collection
from m2l_bench.latents.formats import check_entry, load_format
from m2l_bench.latents.index import SUFFIX, read_volume_index, volume_names
from m2l_bench.latents.statistics import Statistics


def find_damage(folder: Path, advance: Callable[[], None] = lambda: None) -> list[str]:
    """Compare every volume of a collection with its index: checksums, shapes, finite numbers, statistics.

    Args:
        folder: folder of the collection.
        advance: called after each volume.

    Returns:
        What is damaged, in one line each.

    Raises:
        UserError: there is no collection.
        ModuleNotFoundError: the package of the format is not installed.
    """
    collection = read_collection(folder)
    names = volume_names(folder)
    problems = []
    for name in names:
        try:
            problems += volume_damage(folder / name, collection)
        except UserError as error:
            problems.append(str(error))
        advance()
    known = {folder / name for name in names}
    volumes = (path for path in sorted(folder.glob("*-of-*/[0-9]*")) if path.suffix != SUFFIX)
    return problems + [f"{path}: has no index" for path in volumes if path.with_suffix("") not in known]


def volume_damage(path: Path, collection: Collection) -> list[str]:
    """Compare a volume with its index.

    Args:
        path: path of both, without suffix.

    Returns:
        What is damaged, in one line each.

    Raises:
        UserError: the index is damaged.
    """
    format = load_format(collection.format)
    volume = Path(f"{path}{format.suffix}")
    index = Path(f"{path}{SUFFIX}")
    entries, stored = read_volume_index(index, collection)
    problems, statistics = [], []
    for number, entry in enumerate(entries):
        try:
            latents = check_entry(format, volume, number, entry, collection.width)
        except Exception as error:
            problems.append(f"{volume}: entry {number}, '{entry.id}', stream {entry.stream}: {reason_of(error)}")
        else:
            statistics.append(Statistics.of(latents))
    try:
        problems += [f"{volume}: {stray}" for stray in format.strays(volume, entries)]
    except OSError as error:
        problems.append(f"{volume}: {reason_of(error)}")
    if not problems and not _are_equal(stored, None if collection.codebook_entries else reduce(add, statistics)):
        problems.append(f"{index}: its statistics are not those of the volume")
    return problems


def _are_equal(stored: Statistics | None, computed: Statistics | None) -> bool:
    """Whether statistics are equal but for rounding."""
    if stored is None or computed is None:
        return stored is computed
    return (
        stored.frames == computed.frames
        and np.allclose(stored.mean, computed.mean, rtol=1e-6)
        and np.allclose(stored.squares, computed.squares, rtol=1e-6)
    )
