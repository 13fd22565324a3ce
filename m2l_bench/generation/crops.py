"""Crops of latents, chosen in seconds of music: systems with other frame rates see the same seconds of the same files.

A choice depends on a seed, and on the ids and lengths of the audio files, which are equal for every system.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from m2l_bench.digests import digest
from m2l_bench.errors import UserError
from m2l_bench.latents.dataset import LatentsDataset
from m2l_bench.latents.index import read_index


class Crop(NamedTuple):
    """A piece of an audio file, of a length that is known from elsewhere."""

    file: int
    """Place of the file among the files that are long enough, sorted by id."""
    start: float
    """Seconds before it."""
    stream: float
    """Which of the file's streams, as a part of their number in [0, 1)."""


def draw_crops(lengths: NDArray[np.float64], seconds: float, count: int, rng: np.random.Generator) -> list[Crop]:
    """Draw crops at random, so that every second of music is equally likely.

    Args:
        lengths: seconds of each file; none is shorter than a crop.
        seconds: length of a crop.
    """
    chances = lengths / lengths.sum()
    files = rng.choice(len(lengths), count, p=chances)
    starts = rng.random(count) * (lengths[files] - seconds)
    return [Crop(int(file), float(start), float(rng.random())) for file, start in zip(files, starts, strict=True)]


def spread_crops(lengths: NDArray[np.float64], seconds: float, most: int) -> list[Crop]:
    """Cut files into crops that do not overlap and, where there are too many, keep some at equal distances."""
    crops = [
        Crop(file, number * seconds, 0.0)
        for file, length in enumerate(lengths.tolist())
        for number in range(int(length / seconds + 1e-9))
    ]
    places = np.arange(min(most, len(crops))) * len(crops) // min(most, len(crops))
    return [crops[place] for place in places.tolist()]


class Music:
    """A collection of latents, read in crops of a fixed length.

    Args:
        folder: folder of the collection.
        seconds: length of a crop. Files that are shorter are left out.
        frames: frames of a crop.

    Attributes:
        ids: ids of the files, sorted.
        lengths: seconds of each file.
        left_out: number of files that are too short.

    Raises:
        UserError: the collection is damaged, or no file is long enough.
    """

    def __init__(self, folder: Path, seconds: float, frames: int) -> None:
        index = read_index(folder, ["id", "stream", "frames", "offset", "samples", "sample_rate"])
        self.collection, self.statistics = index.collection, index.statistics
        self.seconds, self.frames = seconds, frames
        self._dataset = LatentsDataset(index, frames=0, seed=0, normalise=False)
        columns = index.table.select(["id", "stream", "samples", "sample_rate"]).to_pydict()
        streams: dict[str, dict[int, int]] = {}
        sizes: dict[str, tuple[int, int]] = {}
        for place, (id, stream, *size) in enumerate(zip(*columns.values(), strict=True)):
            streams.setdefault(id, {})[stream] = place
            sizes[id] = (size[0], size[1])
        self.ids = sorted(id for id, (samples, rate) in sizes.items() if samples / rate >= seconds)
        self.left_out = len(sizes) - len(self.ids)
        if not self.ids:
            raise UserError(f"{folder}: none of its {len(sizes)} audio files is as long as a crop, {seconds:g} s")
        self.sizes = [sizes[id] for id in self.ids]
        self.lengths = np.array([samples / rate for samples, rate in self.sizes])
        self._places = [[place for _, place in sorted(streams[id].items())] for id in self.ids]
        self._frame_rate = self.collection.sample_rate / self.collection.frame_samples

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the ids and lengths of the files: music with equal digests is cut into equal crops."""
        return digest([self.ids, self.sizes])

    def draw(self, count: int, *seeds: int) -> list[Crop]:
        """Draw crops that the seeds decide."""
        return draw_crops(self.lengths, self.seconds, count, np.random.default_rng(seeds))

    def spread(self, most: int) -> list[Crop]:
        """Choose crops that do not overlap."""
        return spread_crops(self.lengths, self.seconds, most)

    def read(self, crops: Sequence[Crop]) -> Tensor:
        """Read one stream of each crop, (crops, width, frames)."""
        parts = []
        for crop in crops:
            places = self._places[crop.file]
            parts.append(self._part(places[int(crop.stream * len(places))], crop))
        return torch.stack(parts)

    def streams(self, crop: Crop) -> Tensor:
        """Read all streams of a crop, (streams, width, frames)."""
        return torch.stack([self._part(place, crop) for place in self._places[crop.file]])

    def _part(self, place: int, crop: Crop) -> Tensor:
        """Read a crop of an entry; where a codec left out a frame at the end of a file, the last one is repeated."""
        last_start = self._dataset.length(place) - self.frames
        part = self._dataset.part(place, max(0, min(round(crop.start * self._frame_rate), last_start)), self.frames)
        missing = self.frames - part.shape[1]
        return torch.cat([part, part[:, -1:].expand(-1, missing)], dim=1) if missing else part


class Scale:
    """Shift and scale of each row of latents, so that it has mean 0 and deviation 1 over a collection.

    A row that never changes is only shifted.
    """

    def __init__(self, music: Music) -> None:
        statistics = music.statistics
        assert statistics is not None  # only codes have none
        deviation = np.where(statistics.deviation > 0, statistics.deviation, 1.0)
        self.mean = torch.from_numpy(statistics.mean).float()[:, None]
        self.deviation = torch.from_numpy(deviation).float()[:, None]

    def normalise(self, latents: Tensor) -> Tensor:
        """Map latents (..., width, frames) to mean 0 and deviation 1."""
        return (latents - self.mean) / self.deviation

    def denormalise(self, latents: Tensor) -> Tensor:
        """Undo `normalise`."""
        return latents * self.deviation + self.mean
