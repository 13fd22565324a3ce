"""`latents_dataset`: the latents of a collection as a PyTorch dataset of random crops."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from m2l_bench.errors import UserError
from m2l_bench.latents.formats import load_format
from m2l_bench.latents.index import Entry, Index, read_index
from m2l_bench.storage import is_address


def latents_dataset(
    folder: str | PathLike[str], *, frames: int, seed: int = 0, normalise: bool = False
) -> LatentsDataset:
    """Open a collection that `m2l-bench encode --codec` has made, for training.

    Args:
        folder: folder of the collection.
        frames: frames of each crop. Entries with fewer frames are left out.
        seed: seed of the crops.
        normalise: subtract from each row of latents its mean over the whole collection, and divide by its standard
            deviation.

    Raises:
        UserError: there is no collection on this machine, no entry is long enough, or codes are to be normalised.

    Example:
        >>> latents_dataset("latents", frames=64, normalise=True)[0].shape
        torch.Size([64, 64])
    """
    if is_address(str(folder)):
        raise UserError(f"{folder}: copy it to a disk of this machine first: crops are read at random places")
    index = read_index(Path(folder), ["frames", "offset"])
    if normalise and index.collection.codebook_entries:
        raise UserError(f"{folder}: holds codes of {index.collection.codec}, which have no mean to normalise by")
    dataset = LatentsDataset(index, frames, seed, normalise)
    if not len(dataset):
        raise UserError(f"{folder}: none of its {len(index)} entries has at least {frames} frames")
    return dataset


class LatentsDataset(Dataset[torch.Tensor]):
    """Random crops of the entries of a collection, each entry one stream of an audio file.

    An item is a tensor (width, frames): float32, or int64 where entries hold codes. It is another crop each time that
    it is asked for. The crops depend on the seed, the item and how often it was asked for, and neither on the order of
    the items nor on the number of processes that a `DataLoader` has, as long as epochs are whole: processes read items
    ahead of their use. They share the count, so crops differ from epoch to epoch.

    Attributes:
        left_out: number of entries that are shorter than a crop.
    """

    def __init__(self, index: Index, frames: int, seed: int, normalise: bool) -> None:
        collection = index.collection
        self.format = load_format(collection.format)
        self.holds_codes = bool(collection.codebook_entries)
        self.volumes = [str(index.folder / volume) + self.format.suffix for volume in index.volumes]
        self.frames, self.seed = frames, seed
        lengths = index.table["frames"].to_numpy()
        self._entries = np.flatnonzero(lengths >= frames)
        self.left_out = len(lengths) - len(self._entries)
        self._lengths = lengths[self._entries]
        self._offsets = index.table["offset"].to_numpy()[self._entries]
        self._first = index.first
        self._visits = torch.zeros(len(self._entries), dtype=torch.int32).share_memory_()  # type: ignore[no-untyped-call]
        self._mean, self._deviation = torch.zeros(1, 1), torch.ones(1, 1)
        if normalise and index.statistics is not None:
            self._mean = torch.from_numpy(index.statistics.mean).float()[:, None]
            # A row that never changes is only shifted.
            deviation = np.where(index.statistics.deviation > 0, index.statistics.deviation, 1.0)
            self._deviation = torch.from_numpy(deviation).float()[:, None]

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, item: int) -> torch.Tensor:
        if not 0 <= item < len(self):
            raise IndexError(f"item {item} of {len(self)}")
        visit = int(self._visits[item])
        self._visits[item] += 1
        spare = int(self._lengths[item]) - self.frames
        start = int(np.random.default_rng([self.seed, item, visit]).integers(spare + 1))
        return self.part(item, start, self.frames)

    def length(self, item: int) -> int:
        """Number of frames of an item."""
        return int(self._lengths[item])

    def part(self, item: int, start: int, frames: int) -> torch.Tensor:
        """Read the frames of an item from `start` on, (width, `frames` or what there is)."""
        part = torch.from_numpy(np.array(self._open(item)[:, start : start + frames]))
        return part.long() if self.holds_codes else (part.float() - self._mean) / self._deviation

    def _open(self, item: int) -> Any:
        """Open the latents of an item, to read slices of them."""
        place = int(self._entries[item])
        volume = int(np.searchsorted(self._first, place, "right")) - 1
        number = place - int(self._first[volume])
        entry = Entry.model_construct(offset=int(self._offsets[item]))
        return self.format.latents(Path(self.volumes[volume]), number, entry)
