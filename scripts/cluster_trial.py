"""Lose a node of a Ray cluster, and then the command itself, in the middle of a run; compare with one machine.

    python scripts/cluster_trial.py MUSIC FOLDER --clips 400

MUSIC is a folder of audio or of tar files. Two nodes of one processor run on this machine. `reconstruct` and
`encode --codec` work on short clips: after a third of them one node is killed, after two thirds the command, which is
then started again. The rows must be those of an undisturbed run without Ray on one processor, and the latents too, bit
by bit. The exit code is 1 if they are not.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from m2l_bench.audio.writing import flac_bytes
from m2l_bench.jobs.collection_sources import list_source
from m2l_bench.latents.formats import load_format
from m2l_bench.latents.index import read_index, read_volume_index
from m2l_bench.runs.reconstruction import find_runs, read_rows

COMMAND = [sys.executable, "-m", "m2l_bench"]


def cut(music: Path, folder: Path, clips: int, seconds: int) -> None:
    """Write clips from as many places of the music as are needed."""
    folder.mkdir(parents=True, exist_ok=True)
    present = len(list(folder.glob("*.flac")))
    if present >= clips:
        return
    number = 0
    for item in list_source(str(music)):
        audio, rate = item.read(accept_truncated=False)
        for start in range(0, audio.shape[1] - seconds * rate + 1, seconds * rate):
            clip = audio[:, start : start + seconds * rate]
            (folder / f"{number:04}.flac").write_bytes(flac_bytes(clip, rate))
            number += 1
            if number == clips:
                return
    raise SystemExit(f"{music}: has only {number} clips of {seconds} s")


def run(arguments: list[str], status: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run a command; yield the number of clips that are done, and its process, until it ends."""
    status.unlink(missing_ok=True)
    process = subprocess.Popen([*COMMAND, "--status", str(status), *arguments])
    while process.poll() is None:
        time.sleep(0.5)
        content = json.loads(status.read_text()) if status.exists() else {}
        yield content.get("done", 0), process
    yield -1, process


def disturbed(arguments: list[str], clips: int, cluster: Any, node: Any, status: Path) -> None:
    """Run a command; remove the node after a third of the clips, and kill the command after two thirds."""
    lost = killed = False
    for done, process in run(arguments, status):
        if done >= clips // 3 and not lost:
            print(f"{done} of {clips}: one of two nodes is killed", flush=True)
            cluster.remove_node(node, allow_graceful=False)
            lost = True
        if done >= 2 * clips // 3 and not killed:
            print(f"{done} of {clips}: the command is killed", flush=True)
            process.send_signal(signal.SIGKILL)
            killed = True
    if not (lost and killed):
        raise SystemExit("the command ended before it could be killed")
    for _, process in run(arguments, status):
        code = process.poll()
    if code:
        raise SystemExit(f"the command that was started again ended with exit code {code}")


def rows_of(runs: Path) -> dict[str, dict[str, Any]]:
    (folder,) = find_runs(runs)
    return {row.id: row.values for row in read_rows(folder)}


def latents_of(folder: Path) -> dict[tuple[str, int], bytes]:
    """The latents of each entry, by id and stream."""
    index = read_index(folder)
    format = load_format(index.collection.format)
    entries: dict[tuple[str, int], bytes] = {}
    for name in index.volumes:
        rows, _ = read_volume_index(folder / f"{name}.parquet", index.collection)
        for number, entry in enumerate(rows):
            assert (entry.id, entry.stream) not in entries, f"{entry.id} is there twice"
            array = format.latents(Path(f"{folder / name}{format.suffix}"), number, entry)[:, :]
            entries[entry.id, entry.stream] = np.asarray(array).tobytes()
    return entries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--seconds", type=int, default=10, help="length of a clip")
    parser.add_argument("--system", default="opus-12k")
    parser.add_argument("--codec", default="music2latent-mini")
    options = parser.parse_args()
    from ray.cluster_utils import Cluster

    folder, clips = options.folder, options.folder / "clips"
    cut(options.music, clips, options.clips, options.seconds)
    reconstruct = ["reconstruct", "--task", "folder", "--data", str(clips), "--limit", str(options.clips)]
    reconstruct += ["--models", options.system, "--no-audio", "--out"]
    encode = ["encode", str(clips), "--codec", options.codec, "--volume-mb", "1", "--device", "cpu", "-o"]
    status = folder / "status.json"
    os.environ |= {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}  # sums depend on the number of threads
    results = {}
    for name, command in (("reconstruct", reconstruct), ("encode", encode)):
        for _ in run([*command, str(folder / name / "alone")], status):
            pass
        print(f"{name}: done on one machine", flush=True)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        node = cluster.add_node(num_cpus=1)
        arguments = [*command, str(folder / name / "cluster"), "--engine", "ray", "--address", cluster.address]
        disturbed(arguments, options.clips, cluster, node, status)
        cluster.shutdown()
        alone, there = ((folder / name / place) for place in ("alone", "cluster"))
        results[name] = differences(alone, there, is_run=name == "reconstruct")
    print(json.dumps(results, indent=2))
    sys.exit(any(result["different"] for result in results.values()))


def differences(alone: Path, there: Path, is_run: bool) -> dict[str, Any]:
    """Compare the rows of two runs within 1e-12, or the latents of two collections bit by bit."""
    expected: dict[Any, Any] = rows_of(alone) if is_run else latents_of(alone)
    found: dict[Any, Any] = rows_of(there) if is_run else latents_of(there)
    same = _close if is_run else bytes.__eq__
    different = [key for key in expected.keys() | found.keys() if key not in found or key not in expected]
    different += [key for key in expected.keys() & found.keys() if not same(expected[key], found[key])]
    return {"compared": len(expected), "different": sorted(map(str, different))}


def _close(expected: dict[str, float | None], found: dict[str, float | None]) -> bool:
    return expected.keys() == found.keys() and all(
        value == found[name] or (value is not None and np.isclose(value, found[name] or 0.0, rtol=1e-12, atol=0))
        for name, value in expected.items()
    )


if __name__ == "__main__":
    main()
