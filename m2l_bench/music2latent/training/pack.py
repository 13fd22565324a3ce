"""Audio files of any format -> a corpus: decoded once, so that training never waits for a decoder."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.music2latent.training.corpus import INDEX, CorpusError, File, Index, Shard, read_index

EXTENSIONS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif")
SHARD_SAMPLES = 2**27
"""Samples after which a shard is closed: 256 MiB, 25 minutes of stereo at 44.1 kHz."""
CHANNELS = 2
"""Further channels are left out, as the authors' data loader does."""


def pack(
    source: Path,
    target: Path,
    manifest: Path | None = None,
    on_file: Callable[[], None] = lambda: None,
    shard_samples: int = SHARD_SAMPLES,
    files: Mapping[str, Path] | None = None,
    read: Callable[[Path], tuple[np.ndarray, int]] | None = None,
) -> Index:
    """Decode a folder. Run it again to go on where it stopped, or after adding files.

    Args:
        manifest: CSV with columns file, licence, source; by default `manifest.csv` in `source`, if there is one.
        on_file: called after each file.
        files: the files to pack by the names that the index gives them; default: audio files below `source`.
        read: gives the audio (channels, samples) of a file, and its rate in Hz; default: by libsndfile. Any exception
            is the reason why the file is left out.

    Raises:
        CorpusError: nothing to pack.
    """
    described = _described(manifest or source / "manifest.csv")
    target.mkdir(parents=True, exist_ok=True)
    index = read_index(target) if (target / INDEX).exists() else Index([], [], {})
    known = {file.file: file.bytes for file in index.files}
    files = {name: source / name for name in list_files(source)} if files is None else files
    if not files:
        raise CorpusError(f"{source}: no audio files ({', '.join(EXTENSIONS)})")
    for name, path in files.items():
        if name in known and path.stat().st_size != known[name]:
            raise CorpusError(f"{source / name}: changed since it was packed; pack the folder into a new one")
    todo = [name for name in files if name not in known]
    for _ in range(len(files) - len(todo)):
        on_file()
    index.skipped = {}
    writer = _ShardWriter(target, index, shard_samples)
    for name, result in _decoded({name: files[name] for name in todo}, read or _read):
        if isinstance(result, str):
            index.skipped[name] = result
        else:
            licence, origin = described.get(name, ("", ""))
            writer.add(name, result, licence, origin)
        on_file()
    writer.close()
    if not index.files:
        raise CorpusError(f"{source}: none of its files could be read, for example {next(iter(files))}")
    return index


def list_files(source: Path) -> list[str]:
    """Audio files of a folder, relative to it, sorted.

    Raises:
        CorpusError: no such folder.
    """
    if not source.is_dir():
        raise CorpusError(f"{source}: no such folder")
    return sorted(
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.suffix.lower() in EXTENSIONS and path.is_file()
    )


def verify(folder: Path) -> list[str]:
    """Names of shards whose contents differ from the hash in the index."""
    shards = read_index(folder).shards
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing works outside Python's lock
        found = pool.map(lambda shard: file_checksum(folder / shard.name), shards)
        return [shard.name for shard, sha256 in zip(shards, found, strict=True) if shard.sha256 != sha256]


@dataclass(frozen=True)
class Decoded:
    """A file's audio, (channels, samples) int16, and what identifies the file."""

    audio: np.ndarray
    sample_rate: int
    bytes: int
    sha256: str


def _decoded(
    files: Mapping[str, Path], read: Callable[[Path], tuple[np.ndarray, int]]
) -> Iterator[tuple[str, Decoded | str]]:
    """Files in order, decoded on all cores (libsndfile works outside Python's lock), or the reason why not."""
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        waiting: list[tuple[str, Future[Decoded | str]]] = []
        for name, path in files.items():
            waiting.append((name, pool.submit(_decode, path, read)))
            if len(waiting) > 2 * workers:  # bounded memory
                first, future = waiting.pop(0)
                yield first, future.result()
        for name, future in waiting:
            yield name, future.result()


def _read(path: Path) -> tuple[np.ndarray, int]:
    import soundfile

    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return audio.T, rate


def _decode(path: Path, read: Callable[[Path], tuple[np.ndarray, int]]) -> Decoded | str:
    try:
        audio, rate = read(path)
    except Exception as error:
        return " ".join(str(error).split()) or type(error).__name__
    if not audio.shape[1]:
        return "no samples in the file"
    if not np.isfinite(audio).all():
        return "NaN or infinite samples"
    samples = np.round(audio[:CHANNELS] * 32_768).clip(-32_768, 32_767).astype(np.int16)
    return Decoded(samples, rate, path.stat().st_size, file_checksum(path))


class _ShardWriter:
    """Appends files to a shard; a shard counts, and enters the index, once it is closed."""

    def __init__(self, folder: Path, index: Index, shard_samples: int) -> None:
        self.folder = folder
        self.index = index
        self.shard_samples = shard_samples
        self.files: list[File] = []
        self.parts: list[np.ndarray] = []
        self.samples = 0

    def add(self, name: str, decoded: Decoded, licence: str, source: str) -> None:
        channels, samples = decoded.audio.shape
        shard = f"shard-{len(self.index.shards):05d}.i16"
        identity = decoded.sample_rate, decoded.bytes, decoded.sha256
        self.files.append(File(name, shard, self.samples, samples, channels, *identity, licence, source))
        self.parts.append(decoded.audio)
        self.samples += decoded.audio.size
        if self.samples >= self.shard_samples:
            self.close()

    def close(self) -> None:
        if self.files:
            path = self.folder / self.files[0].shard
            unfinished = path.with_suffix(".part")
            digest = hashlib.sha256()
            with unfinished.open("wb") as file:
                for audio in self.parts:
                    content = np.ascontiguousarray(audio).astype("<i2", copy=False).tobytes()
                    digest.update(content)
                    file.write(content)
            unfinished.replace(path)
            self.index.shards.append(Shard(path.name, self.samples, digest.hexdigest()))
            self.index.files.extend(self.files)
        self.index.write(self.folder)
        self.files, self.parts, self.samples = [], [], 0


def _described(manifest: Path) -> dict[str, tuple[str, str]]:
    """Licence and source of files, where a CSV tells them."""
    if not manifest.is_file():
        return {}
    with manifest.open(newline="", encoding="utf-8") as file:
        return {row["file"]: (row.get("licence", ""), row.get("source", "")) for row in csv.DictReader(file)}
