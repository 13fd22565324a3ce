"""Packed music on disk, and the crops that training draws from it.

A corpus is a folder: `shard-00000.i16` and so on (16-bit samples, one channel after the other), and `corpus.json` with
one row per file: its place in a shard, its rate, source, licence and hash.

Crop number i of a seed is always the same: its place in the corpora, its noise and its noise level. So the data of any
step is known on any machine, and resuming needs no state.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

INDEX = "corpus.json"
FORMAT = "m2l-bench.corpus"
ATTEMPTS = 100
"""Draws of a crop that may be too quiet before the last one is taken as it is."""


class CorpusError(ValueError):
    """A folder that holds no usable corpus; the message says what to do."""


@dataclass(frozen=True)
class File:
    """A piece of music inside a shard."""

    file: str
    """Path in the folder that was packed."""
    shard: str
    start: int
    """First sample in the shard; channel c begins `c * samples` later."""
    samples: int
    """Samples of one channel."""
    channels: int
    sample_rate: int
    bytes: int
    sha256: str
    """Hash of the audio file, whose size is `bytes`."""
    licence: str = ""
    source: str = ""


@dataclass(frozen=True)
class Shard:
    name: str
    samples: int
    """Samples of all files and channels."""
    sha256: str


@dataclass
class Index:
    """The content of `corpus.json`."""

    shards: list[Shard]
    files: list[File]
    skipped: dict[str, str]
    """Files that could not be packed, and why."""

    def write(self, folder: Path) -> None:
        content = {
            "format": FORMAT,
            "shards": [asdict(shard) for shard in self.shards],
            "files": [asdict(file) for file in self.files],
            "skipped": self.skipped,
        }
        unfinished = folder / (INDEX + ".part")
        unfinished.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
        unfinished.replace(folder / INDEX)


def read_index(folder: Path) -> Index:
    """Read `corpus.json`.

    Raises:
        CorpusError: not a packed folder.
    """
    path = folder / INDEX
    if not path.is_file():
        raise CorpusError(f"{folder}: not a packed corpus; m2l-bench pack {folder} -o corpus makes one")
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError("another format")
        shards = [Shard(**row) for row in content["shards"]]
        files = [File(**row) for row in content["files"]]
        index = Index(shards, files, content["skipped"])
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{path}: cannot be read ({error}); pack the folder again") from error
    if any(Path(name).name != name for name in (shard.name for shard in shards)):
        raise CorpusError(f"{path}: names shards outside its folder")
    return index


class Corpus:
    """Packed files that are long enough for a crop.

    Raises:
        CorpusError: not a packed folder, a shard of another size than the index says, or nothing long enough.
    """

    def __init__(self, folder: Path, crop_samples: int) -> None:
        self.folder = folder
        self.crop_samples = crop_samples
        index = read_index(folder)
        self.shards: dict[str, np.ndarray] = {}
        for shard in index.shards:
            path = folder / shard.name
            if not path.is_file() or path.stat().st_size != 2 * shard.samples:
                raise CorpusError(f"{path}: missing or cut short; pack the folder again")
            self.shards[shard.name] = np.memmap(path, np.int16, "r") if shard.samples else np.zeros(0, np.int16)
        self.files = [file for file in index.files if file.samples >= crop_samples]
        self.too_short = len(index.files) - len(self.files)
        if not self.files:
            raise CorpusError(f"{folder}: no file in it has the {crop_samples} samples of a crop")

    @property
    def hours(self) -> float:
        return sum(file.samples / file.sample_rate for file in self.files) / 3600

    @property
    def hours_by_licence(self) -> dict[str, float]:
        """Hours of each licence, the most frequent first; "" where the manifest of the files says none."""
        hours: dict[str, float] = {}
        for file in self.files:
            hours[file.licence] = hours.get(file.licence, 0.0) + file.samples / file.sample_rate / 3600
        return dict(sorted(hours.items(), key=lambda item: -item[1]))

    def draw(self, random: np.random.Generator) -> np.ndarray:
        """Draw a random place in a random channel of a random file, (crop_samples,) int16."""
        file = self.files[int(random.integers(len(self.files)))]
        channel = int(random.integers(file.channels))
        place = int(random.integers(file.samples - self.crop_samples + 1))
        first = file.start + channel * file.samples + place
        return self.shards[file.shard][first : first + self.crop_samples]


@dataclass(frozen=True)
class Crop:
    """A crop, as its number in the run decides it."""

    audio: np.ndarray
    """(crop_samples,) int16."""
    uniform: tuple[float, float]
    """Two numbers in [0, 1) that decide the noise level."""
    noise_seed: int


class Mixture:
    """Crops from several corpora.

    Args:
        weights: how often each corpus is drawn from; the paper draws music and speech equally often (Section 5.1).
        seed: random seed for everything.
        minimum_rms: quieter crops are drawn again; full scale is 1.

    Raises:
        CorpusError: no corpora, or weights that do not fit them.
    """

    def __init__(self, corpora: Sequence[Corpus], weights: Sequence[float], seed: int, minimum_rms: float) -> None:
        if not corpora or len(weights) != len(corpora) or min(weights) < 0 or not 0 < sum(weights) < np.inf:
            raise CorpusError(f"{len(corpora)} corpora with weights {list(weights)}")
        self.corpora = corpora
        self.edges = np.cumsum(weights) / np.sum(weights)
        self.seed = seed
        self.minimum_rms = minimum_rms

    @property
    def shares(self) -> list[float]:
        """Share of the crops that each corpus has."""
        return [float(share) for share in np.diff(self.edges, prepend=0.0)]

    def crop(self, number: int) -> Crop:
        """Return crop `number` of this seed."""
        random = np.random.Generator(np.random.Philox(key=[self.seed, number]))
        uniform = (float(random.random()), float(random.random()))
        noise_seed = int(random.integers(2**62))
        for _ in range(ATTEMPTS):
            which = min(int(np.searchsorted(self.edges, random.random(), side="right")), len(self.corpora) - 1)
            audio = self.corpora[which].draw(random)
            if _rms(audio) >= self.minimum_rms:
                break
        return Crop(audio, uniform, noise_seed)


def _rms(audio: np.ndarray) -> float:
    samples = audio.astype(np.float32)
    return float(np.sqrt(np.dot(samples, samples) / len(samples))) / 32_768
