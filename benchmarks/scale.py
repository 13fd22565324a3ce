"""Time and peak memory of opening the index of a collection with a million entries: all of it, and for training.

python benchmarks/scale.py --entries 1000000 --volumes 500
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from m2l_bench.latents.collection import Collection, begin_collection
from m2l_bench.latents.index import Entry, write_index
from m2l_bench.latents.statistics import Statistics

WAYS = {
    "nothing": "",
    "summary": "from m2l_bench.latents.summary import summarise; assert summarise(folder).files",
    "whole index": "from m2l_bench.latents.index import read_index; assert len(read_index(folder))",
    "ids": "from m2l_bench.latents.index import read_index; assert len(read_index(folder, ['id']))",
    "training": "from m2l_bench import latents_dataset; assert len(latents_dataset(folder, frames=64, normalise=True))",
}
"""What a process does with the folder, by name."""
MEASURED = """
import resource, sys, time
from pathlib import Path
import pyarrow.compute, pyarrow.parquet
{imports}
folder = Path(sys.argv[1])
started = time.perf_counter()
{way}
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)
"""


def write_synthetic(folder: Path, entries: int, volumes: int) -> None:
    """Write the indexes of a collection without its volumes, with ids and checksums of usual lengths."""
    collection = Collection(
        format="webdataset",
        codec="synthetic",
        codec_digest="0" * 64,
        weights_sha256="",
        sample_rate=44_100,
        channels=2,
        width=64,
        frame_samples=2048,
        codebook_entries=0,
    )
    begin_collection(folder, collection)
    rng = np.random.default_rng(0)
    statistics = Statistics.of(rng.standard_normal((64, 1000)))
    (folder / "1-of-1").mkdir()
    for volume, numbers in enumerate(np.array_split(np.arange(entries), volumes)):
        rows, offset = [], 0
        for number in numbers.tolist():
            frames = int(rng.integers(100, 6000))
            row = Entry.model_construct(
                id=f"artist {number // 100:05d}/album {number // 10:06d}/{number:07d}.flac",
                stream=0,
                frames=frames,
                samples=2048 * frames,
                sample_rate=44_100,
                offset=offset,
                bytes=256 * frames + 2048,
                sha256=rng.bytes(32).hex(),
            )
            rows.append(row)
            offset += row.bytes
        write_index(folder / "1-of-1" / f"{volume:06d}.parquet", collection, rows, statistics)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--volumes", type=int, default=500)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "collection"
        started = time.perf_counter()
        write_synthetic(folder, arguments.entries, arguments.volumes)
        size = sum(path.stat().st_size for path in folder.rglob("*.parquet")) / 1e6
        print(f"{arguments.entries:,} entries in {arguments.volumes:,} volumes: {size:.0f} MB of indexes")
        print(f"written in {time.perf_counter() - started:.0f} s, peak of this process {_peak_mb():.0f} MB")
        for way, code in WAYS.items():
            script = MEASURED.format(way=code, imports="import torch" if way == "training" else "")
            command = [sys.executable, "-c", script, str(folder)]
            result = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds, megabytes = map(float, result.stdout.split())
            print(f"{way:<12} {seconds:6.2f} s {megabytes:7.0f} MB")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    main()
