"""The work of `m2l-bench encode --codec`: latents of a collection of audio, in volumes; interrupted work goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from m2l_bench.boundary import reason_of
from m2l_bench.cards import Latents, SystemCard
from m2l_bench.digests import digest
from m2l_bench.engine import drain
from m2l_bench.engine.base import KILLED, Engine
from m2l_bench.engine.choice import LOCAL, EngineChoice
from m2l_bench.engine.prefetch import READERS, prefetched
from m2l_bench.engine.torch_devices import is_gpu
from m2l_bench.errors import UserError
from m2l_bench.jobs.collection_sources import Item, Source, list_source
from m2l_bench.latents.collection import Collection, begin_collection
from m2l_bench.latents.formats import load_format
from m2l_bench.latents.formats.base import Array
from m2l_bench.latents.index import read_index
from m2l_bench.latents.remote import working_folder
from m2l_bench.latents.volumes import VolumeWriter
from m2l_bench.progress import EncodingProgress
from m2l_bench.runs.files import locked_folder
from m2l_bench.runs.shards import Shard
from m2l_bench.systems.codec_runner import CodecRunner
from m2l_bench.systems.latents_encoder import LatentsEncoder, LatentsWork
from m2l_bench.systems.loading import load_runner, system_versions
from m2l_bench.systems.precision import in_precision
from m2l_bench.text import counted

GROUP = 32
"""Files that the process of a GPU gets at once, where there are several."""


@dataclass(frozen=True)
class CollectionOptions:
    """Options of `encode_collection`."""

    format: str = "webdataset"
    """A name in `latents.formats.FORMATS`."""
    volume_mb: float = 1000.0
    """Size in megabytes (10^6 bytes) after which a volume is finished."""
    device: str = "auto"
    precision: str = "auto"
    accept_truncated: bool = False
    weights_dir: Path | None = None
    shard: Shard | None = None
    """The part of the files to encode; None: all."""
    engine: EngineChoice = LOCAL


@dataclass
class CollectionResults:
    """What one command did."""

    encoded: int = 0
    """Files that were encoded."""
    seconds: float = 0.0
    """Seconds of their audio."""
    present: int = 0
    """Files that were encoded before."""
    failed: dict[str, str] = field(default_factory=dict)
    """Reasons of the files that failed, by id."""
    notes: list[str] = field(default_factory=list)
    """Notes about files that were passed over."""


class Encoded(NamedTuple):
    """The latents of a file, or the reason why it has none."""

    id: str
    problem: str = ""
    streams: Sequence[Array] = ()
    """Latents of each stream, (width, frames)."""
    samples: int = 0
    """Samples of the file, at its own rate."""
    sample_rate: int = 1
    """That rate in Hz."""


def encode_collection(
    source: str, out: str, card: SystemCard, options: CollectionOptions, progress: EncodingProgress
) -> CollectionResults:
    """Encode the audio files of a source to latents, in volumes below `out/I-of-N/`.

    Files that are in `out` already, encoded by any job, are passed over.

    Args:
        source: path or address of what `list_source` takes.
        out: path or address of the collection.

    Raises:
        UserError: there is no such source, the codec has no latents or is not available here, `out` holds other
            latents, another process does the same shard, or `out` cannot be written.
        ModuleNotFoundError: the package of the format is not installed.
    """
    latents = card.latents
    if latents is None:
        raise UserError(f"{card.name}: its card does not say what its latents are (`latents`), so none can be stored")
    load_format(options.format)
    shard = options.shard or Shard(1, 1)
    everything = list_source(source)
    files = everything.part(shard)
    results = CollectionResults(notes=everything.notes)
    if options.shard:
        results.notes.append(f"shard {shard}: {len(files):,} of {counted(len(everything), 'file')}")
    engine = options.engine.start(options.device)
    card = in_precision(card, engine.precision(options.precision), engine.devices)
    load = partial(_Worker.load, card, latents, options.weights_dir, options.accept_truncated)
    worker = load(engine.device if engine.here else "cpu")
    collection = describe_collection(card, latents, worker.encoder.runner, options.format)
    with working_folder(out) as (folder, send):
        begin_collection(folder, collection)
        with locked_folder(folder, lambda folder: folder / f"{shard.index}-of-{shard.count}") as part:
            send()
            import pyarrow as pa

            finished = read_index(folder, ["id"]).table["id"]
            writer = VolumeWriter(part, collection, options.volume_mb * 1e6, finished, send)
            todo = files.without(finished).without(pa.array(writer.recovered, pa.string()))
            results.present = len(files) - len(todo)
            encoded = worker(todo) if engine.here else _on_devices(load, todo, engine)
            with progress.files(len(files), results.present) as advance:
                for file in encoded:
                    seconds = file.samples / file.sample_rate
                    if file.problem:
                        results.failed[file.id] = file.problem
                    else:
                        writer.add(file.id, file.streams, file.samples, file.sample_rate)
                        results.encoded += 1
                        results.seconds += seconds
                    advance(file.id, seconds, file.problem)
            writer.close()
    return results


def describe_collection(card: SystemCard, latents: Latents, runner: CodecRunner, format: str) -> Collection:
    """Describe what the latents of a codec have in common.

    Raises:
        UserError: the adapter cannot be imported.
    """
    versions = [system_versions(card)["adapter"], LatentsEncoder.version]
    chunks = [card.chunk_seconds, card.overlap_seconds]
    return Collection(
        format=format,  # type: ignore[arg-type]  # pydantic checks it
        codec=card.name,
        codec_digest=digest([card.adapter, versions, card.options, chunks, runner.weights_sha256]),
        weights_sha256=runner.weights_sha256,
        sample_rate=runner.codec.sample_rate,
        channels=runner.codec.channels,
        width=latents.width,
        frame_samples=latents.samples,
        codebook_entries=runner.codec.codebook_entries,
    )


class _Worker:
    """A loaded codec that encodes files, reading some of them ahead."""

    def __init__(self, encoder: LatentsEncoder, accept_truncated: bool) -> None:
        self.encoder = encoder
        self.accept_truncated = accept_truncated
        self.ahead = READERS if is_gpu(encoder.runner.device) else 1
        """Files that are read beyond the one that is encoded, and the threads that read them."""

    @classmethod
    def load(
        cls, card: SystemCard, latents: Latents, weights_dir: Path | None, accept_truncated: bool, device: str
    ) -> _Worker:
        """Load the codec of a card on one of the devices."""
        runner = load_runner(card, device=device, weights_dir=weights_dir)
        return cls(LatentsEncoder(runner, latents), accept_truncated)

    def __call__(self, items: Iterable[Item]) -> Iterator[Encoded]:
        """Encode files, one after the other or, on a GPU, those of equal length together."""
        failed: list[Encoded] = []

        def works() -> Iterator[LatentsWork]:
            for future in prefetched(self._read, items, self.ahead, self.ahead):
                work = future.result()
                if isinstance(work, Encoded):
                    failed.append(work)
                else:
                    yield work

        for work in self.encoder.encode_all(works()):
            yield from drain(failed)
            streams = [] if work.problem else work.result()
            yield Encoded(work.file_id, work.problem, streams, work.samples, work.sample_rate)
        yield from failed

    def _read(self, item: Item) -> LatentsWork | Encoded:
        """Read a file and cut it into chunks; a file that cannot be read is given back with the reason."""
        try:
            audio, rate = item.read(self.accept_truncated)
            return self.encoder.prepare(item.id, np.clip(audio, -1.0, 1.0), rate)
        except Exception as error:
            return Encoded(item.id, reason_of(error))


def _on_devices(load: Callable[[str], Any], todo: Source, engine: Engine) -> Iterator[Encoded]:
    """Encode files in the processes that load systems."""
    group = engine.group(len(todo), GROUP if any(map(is_gpu, engine.devices)) else 1)
    return engine.map_on_devices(load, todo, group, lambda item: Encoded(item.id, KILLED))
