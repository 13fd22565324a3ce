"""Clips scored per second: one core against all, growth from 10 to 300 clips (memory flat, time linear), and the
milliseconds of each metric and column set for one clip, against ViSQOL's.

    python benchmarks/scoring.py --json scoring.json

Scores 10-second clips with SI-SDR and ViSQOL through the same engine that `m2l-bench reconstruct` uses. Start-up of the
workers and ViSQOL's compilation are left out by a first round that is not counted.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from m2l_bench import audio
from m2l_bench.audio import Audio
from m2l_bench.codecs.anchors import LowPass
from m2l_bench.datasets import bundled
from m2l_bench.engine import default_jobs, map_unordered
from m2l_bench.engine.torch_devices import MemoryMeter
from m2l_bench.metrics.column_sets import ColumnSet, added_metrics
from m2l_bench.reconstruction.scoring import score
from m2l_bench.runs.schema import Row

Task = tuple[Row, Audio, Audio, int, tuple[str, ...]]
METRICS = ("si_sdr_db", "visqol")
RATE = 44_100


def tasks(count: int, metrics: tuple[str, ...]) -> Iterator[Task]:
    """`count` clips, the bundled ones again and again, read and degraded as they are asked for."""
    clips = bundled.load().clips
    for i in range(count):
        original, rate = audio.read(clips[i % len(clips)].path)
        yield Row(id=clips[i % len(clips)].id), original, LowPass(7000).reconstruct("", original, rate), rate, metrics


def seconds(count: int, jobs: int, metrics: tuple[str, ...] = METRICS) -> float:
    """Seconds to score `count` clips."""
    started = time.perf_counter()
    scored = sum(1 for _ in map_unordered(score, tasks(count, metrics), jobs))
    assert scored == count
    return time.perf_counter() - started


def speed(clips: int, rounds: int) -> dict[str, Any]:
    """Measure one job and one per core in turn; the ratio is taken round by round."""
    jobs = default_jobs()
    for warm in (1, jobs):
        seconds(2 * warm, warm)
    times = [(seconds(clips, 1), seconds(clips, jobs)) for _ in range(rounds)]
    return {
        "clips": clips,
        "jobs": jobs,
        "clips_per_second_one_core": clips / statistics.median(one for one, _ in times),
        "clips_per_second_all_cores": clips / statistics.median(every for _, every in times),
        "speedup": statistics.median(one / every for one, every in times),
        "speedup_rounds": [one / every for one, every in times],
    }


def growth(counts: list[int]) -> list[dict[str, float]]:
    """Time and peak memory of this process (the one that holds the clips) for more and more clips."""
    rows = []
    for count in counts:
        meter = MemoryMeter("cpu")
        spent = seconds(count, default_jobs())
        rows.append({"clips": count, "seconds": spent, "seconds_per_clip": spent / count, "peak_mb": meter.peak_mb()})
        print(rows[-1], file=sys.stderr)
    return rows


def metric_milliseconds(rounds: int) -> dict[str, float]:
    """Median processor time to score ten seconds of stereo at 44.1 kHz in this process, in milliseconds.

    Returns:
        Those of each paired metric alone, of each column set, of ViSQOL with SI-SDR ("paper"), and of all metrics of
        the column sets but ViSQOL, SI-SDR and Zimtohrli ("others"), which share their spectra; and the ratio of the
        last to ViSQOL's.
    """
    clip = bundled.load().clips[0]
    original, rate = audio.read(clip.path)
    original = audio.resample(original, rate, RATE)
    reconstruction = LowPass(7000).reconstruct("", original, RATE)
    columns: tuple[ColumnSet, ...] = ("spectral", "stereo", "level")
    others = tuple(name for name in added_metrics("all") if name != "zimtohrli")
    sets: dict[str, tuple[str, ...]] = {
        **{name: (name,) for name in (*METRICS, *others)},
        **{name: added_metrics(name) for name in columns},
        "paper": METRICS,
        "others": others,
    }

    times: dict[str, list[float]] = {name: [] for name in sets}
    for _ in range(rounds + 1):
        for name, metrics in sets.items():
            started = time.process_time()
            score(Row(id=clip.id), original, reconstruction, RATE, metrics)
            times[name].append(time.process_time() - started)
    medians = {name: 1000 * statistics.median(spent[1:]) for name, spent in times.items()}
    pairs = zip(times["others"][1:], times["visqol"][1:], strict=True)
    ratio = statistics.median(one / other for one, other in pairs)
    return {**medians, "others over visqol": ratio}


def start_up_seconds(rounds: int = 7) -> float:
    """Median wall time of `m2l-bench --help`."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "m2l_bench", "--help"], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--clips", type=int, default=20, help="clips in each round of the speed comparison")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--counts", type=int, nargs="*", default=[10, 30, 100, 300])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    result = {
        "machine": f"{platform.machine()}, {default_jobs()} cores, Python {platform.python_version()}",
        "start_up_seconds": start_up_seconds(),
        "milliseconds": metric_milliseconds(arguments.rounds),
        "speed": speed(arguments.clips, arguments.rounds),
        "growth": growth(arguments.counts),
    }
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
