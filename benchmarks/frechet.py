"""Fréchet distances beside `frechet-audio-distance` in one run: the distance itself, embedding speed, memory.

    make .venv-upstream/.installed && .venv-upstream/bin/python benchmarks/frechet.py --json frechet.json

Runs in the environment of the upstream packages, since it calls them. VGGish has random weights: they
take as long.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from m2l_bench import audio
from m2l_bench.cards import load_cards
from m2l_bench.datasets import bundled
from m2l_bench.distances.measure import measure
from m2l_bench.engine import default_jobs
from m2l_bench.engine.torch_devices import MemoryMeter
from m2l_bench.metrics import frechet
from m2l_bench.runs.vectors import StoredClips, write_vectors
from m2l_bench.systems.embedding_runner import EmbeddingRunner, load_embedding

KEPT: list[Any] = []
"""What lets torchvision be imported beside a torch for the CPU; it works while it lives."""


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def upstream() -> Any:
    """The class of the package, without making it load a network."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # laion-clap asks the hub for tokenizers that no embedding of audio needs
    from devtools import cpu_compat

    KEPT.append(cpu_compat.install())
    from frechet_audio_distance import FrechetAudioDistance

    return FrechetAudioDistance


def distances(dims: list[int], rounds: int) -> list[dict[str, Any]]:
    """Ours and theirs in turn on the same statistics of 2 x dim vectors."""
    package = upstream()
    theirs = object.__new__(package)
    rng = np.random.default_rng(0)
    rows = []
    for dim in dims:
        sets = [rng.standard_normal((2 * dim, dim)) * np.exp(-3 * np.arange(dim) / dim) + shift for shift in (0.0, 0.1)]
        moments = [frechet.statistics([moment_set]) for moment_set in sets]
        values: dict[str, float] = {}

        pairs = [(moment_set.mean, moment_set.covariance) for moment_set in moments]

        def ours_once(pairs: Any, values: Any) -> None:
            values["ours"] = frechet.frechet_distance(*(frechet.GaussianStatistics(*pair) for pair in pairs))

        def theirs_once(pairs: Any, values: Any) -> None:
            values["theirs"] = theirs.calculate_frechet_distance(*pairs[0], *pairs[1])

        work = [partial(one, pairs, values) for one in (ours_once, theirs_once)]
        times = [tuple(map(seconds, work)) for _ in range(rounds)]
        rows.append(
            {
                "dim": dim,
                "ours_seconds": statistics.median(ours for ours, _ in times),
                "theirs_seconds": statistics.median(other for _, other in times),
                "times_as_fast": statistics.median(other / ours for ours, other in times),
                "relative_difference": abs(values["ours"] - values["theirs"]) / values["theirs"],
            }
        )
        print(rows[-1], file=sys.stderr)
    return rows


def throughput(clips: int, rounds: int) -> dict[str, float]:
    """Seconds of audio embedded in a second."""
    import torch
    from torchvggish import VGG, make_layers

    from m2l_bench.embeddings.vggish import VGGish

    clips_read = [audio.read(clip.path) for clip in bundled.load().clips[:clips]]
    total = sum(samples.shape[1] / rate for samples, rate in clips_read)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "vggish.pth"
        torch.save(VGG(make_layers(), postprocess=False).state_dict(), checkpoint)
        vggish = EmbeddingRunner(VGGish(checkpoint), "benchmark")
    runners = {"musicnn": load_embedding(load_cards().embedding("musicnn")), "vggish": vggish}

    def embed_all(runner: EmbeddingRunner) -> None:
        for samples, rate in clips_read:
            runner.embed(samples, rate)

    for runner in runners.values():
        embed_all(runner)
    times = [{name: seconds(partial(embed_all, runner)) for name, runner in runners.items()} for _ in range(rounds)]
    return {name: total / statistics.median(one[name] for one in times) for name in runners}


def memory(counts: list[int], dim: int, frames: int) -> list[dict[str, Any]]:
    """Peak memory of a distance with interval and extrapolation over more and more clips, vectors read from disk."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        paths = [list(_written(Path(folder) / name, max(counts), dim, frames, name == "b")) for name in "ab"]
        for count in counts:
            sets = [StoredClips(some[:count]) for some in paths]
            meter = MemoryMeter("cpu")
            spent = seconds(partial(measure, *sets, paired=True))
            rows.append({"clips": count, "dim": dim, "peak_mb": meter.peak_mb(), "seconds": spent})
            print(rows[-1], file=sys.stderr)
    return rows


def _written(folder: Path, count: int, dim: int, frames: int, other: bool) -> Iterator[Path]:
    rng = np.random.default_rng(int(other))
    for i in range(count):
        path = folder / f"{i}.npy"
        write_vectors(path, (rng.standard_normal((frames, dim)) + 0.1 * other).astype(np.float32))
        yield path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--dims", type=int, nargs="*", default=[128, 512, 2048])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--counts", type=int, nargs="*", default=[100, 1000, 10_000])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    result = {
        "machine": f"{platform.machine()}, {default_jobs()} cores, Python {platform.python_version()}",
        "distance": distances(arguments.dims, arguments.rounds),
        "audio_seconds_per_second": throughput(arguments.clips, arguments.rounds),
        "memory": memory(arguments.counts, 128, 10),
    }
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
