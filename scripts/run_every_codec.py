"""Every codec with random weights over bundled clips or a folder, killed once: what does not depend on its weights.

    pip install -e ".[test]"
    python scripts/run_every_codec.py                       # all thirty clips, narrow networks
    python scripts/run_every_codec.py --models dac --clips 5 --published

Of each system: every clip is measured; its reconstruction has the clip's length, channels and rate; memory does not
grow from clip to clip; after `kill -9` the same command goes on, and what was there is not done again. One line per
system; the exit code is 1 if something of this does not hold. Its scores mean nothing and are not shown.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile
import yaml

from devtools.random_codecs import CODECS, WITHOUT_PACKAGE, prepare
from m2l_bench.datasets import bundled
from m2l_bench.datasets import folder as folder_of_audio
from m2l_bench.datasets.base import Dataset
from m2l_bench.runs.reconstruction import read_rows
from m2l_bench.runs.schema import Row

TASK = "name: quick\ntitle: Quick\ndataset: {}\nmetrics: [si_sdr_db]\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(CODECS), help="cards separated by commas; default: all codecs")
    parser.add_argument("--clips", type=int, default=30)
    parser.add_argument("--data", type=Path, help="folder of audio; default: the bundled clips")
    parser.add_argument("--published", action="store_true", help="networks as wide as the published ones")
    arguments = parser.parse_args()
    for name, why in WITHOUT_PACKAGE.items():
        print(f"not run {name}: {why}")
    failed = False
    for name in arguments.models.split(","):
        with tempfile.TemporaryDirectory() as folder:
            problems = run([name], Path(folder), arguments.clips, arguments.data, arguments.published)
        failed = failed or bool(problems)
    return int(failed)


def run(names: list[str], folder: Path, clips: int, data: Path | None = None, published: bool = False) -> list[str]:
    """Run systems in one command, kill it after the first clip, run it again; prints one line per system.

    Returns:
        what does not hold; empty if all is well.
    """
    command = write_cards(names, folder, clips, data, published)
    dataset = folder_of_audio.load(data) if data else bundled.load()
    runs = {name: folder / "runs" / dataset.label / f"random-{name}" for name in names}
    before = killed_after_first_clip(command, folder, runs[names[0]])
    started = time.monotonic()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    problems = [] if before else [f"{names[0]}: over before it could be killed"]
    if done.returncode:
        problems.append(done.stderr.strip().splitlines()[-1])
    for name, rows in runs.items():
        after = {row.id: row for row in read_rows(rows)} if rows.is_dir() else {}
        problems += [f"{name}: {problem}" for problem in of_run(after, rows, dataset, clips)]
        memory = [row.peak_memory_mb or 0.0 for row in after.values() if row.measured]
        print(
            f"{name}: {len(after)} clips, peak memory {min(memory, default=0):.0f} to {max(memory, default=0):.0f} MB"
        )
        if name == names[0]:
            problems += [f"{name}: {id} measured again after the kill" for id in before if after.get(id) != before[id]]
    print(
        f"  {len(before)} clips before the kill, the rest in {seconds:.0f} s after it",
        *problems,
        sep="\n  ",
        flush=True,
    )
    return problems


def write_cards(names: list[str], folder: Path, clips: int, data: Path | None, published: bool) -> list[str]:
    """Weights, cards under other names, and a task that scores quickly; the command that runs them."""
    (folder / "cards").mkdir()
    for name in names:
        card = prepare(name, folder / "weights", published)
        content = card.model_dump(mode="json", exclude_defaults=True) | {"name": f"random-{name}", "paper_row": ""}
        (folder / "cards" / f"{name}.yaml").write_text(yaml.safe_dump(content))
    (folder / "cards" / "task.yaml").write_text(TASK.format("folder" if data else "bundled"))
    command = [sys.executable, "-m", "m2l_bench", "reconstruct", "--task", "quick", "--cards", "cards"]
    command += ["--models", ",".join(f"random-{name}" for name in names), "--limit", str(clips)]
    command += ["--data", str(data.resolve())] if data else []
    return [*command, "--weights-dir", "weights", "--jobs", "1", "--device", "cpu"]


def killed_after_first_clip(command: list[str], folder: Path, rows: Path) -> dict[str, Row]:
    """The rows that `kill -9` left on the disk; none if the command was faster than its end."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        if (rows / "rows.jsonl").exists() and read_rows(rows):
            process.kill()
            process.wait()
            return {row.id: row for row in read_rows(rows)}
        time.sleep(0.01)
    return {}


def of_run(rows: dict[str, Row], folder: Path, dataset: Dataset, clips: int) -> list[str]:
    """What is wrong with a system's rows and reconstructions."""
    sources = {clip.id: clip.path for clip in dataset.clips[:clips]}
    problems = [f"{id}: no row" for id in sources if id not in rows]
    problems += [problem for row in rows.values() for problem in of_clip(row, folder, sources)]
    memory = [row.peak_memory_mb or 0.0 for row in rows.values() if row.measured]
    half = len(memory) // 2
    if half > 1 and max(memory[half:]) > 1.1 * max(memory[:half]) + 30:
        problems.append(f"memory grows: {max(memory[:half]):.0f} MB in the first half, {max(memory[half:]):.0f} later")
    return problems


def of_clip(row: Row, run: Path, sources: dict[str, Path]) -> list[str]:
    """What is wrong with a clip's row or its reconstruction."""
    if not row.measured:
        return [f"{row.id}: {row.reason}"]
    original, reconstruction = soundfile.info(sources[row.id]), soundfile.info(run / (row.audio or ""))
    return [
        f"{row.id}: {what} is {getattr(reconstruction, what)} instead of {getattr(original, what)}"
        for what in ("frames", "channels", "samplerate")
        if getattr(reconstruction, what) != getattr(original, what)
    ]


if __name__ == "__main__":
    sys.exit(main())
