"""`scripts/gpu_check.sh`, rehearsed on the CPU: its parts, their limits, and what they leave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.audio import music, write

from m2l_bench.music2latent import Music2Latent

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "gpu_check.sh"


def check(results: Path, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    small = {"PYTHON": sys.executable, "DEVICE": "cpu", "PRESET": "tiny", "BATCH": "1", "CLIP": "0.2", "ROUNDS": "1"}
    environment = {**os.environ, **small, "RESULTS": str(results), **variables}
    return subprocess.run([SCRIPT, *map(str, arguments)], capture_output=True, text=True, env=environment)


def parts(results: Path) -> dict[str, str]:
    """Part -> exit status."""
    rows = [line.split("\t") for line in (results / "parts.tsv").read_text().splitlines()[1:]]
    return {name: status for name, status, _ in rows}


@pytest.mark.full
def test_the_device_is_checked_and_the_time_taken_apart(tmp_path: Path) -> None:
    done = check(tmp_path, MINUTES="60", PARTS="correct profile")
    assert done.returncode == 0, done.stdout
    assert parts(tmp_path) == {"correct": "0", "profile": "0"}
    distances = json.loads((tmp_path / "correct.json").read_text())["from_cpu"]
    assert distances["float32"] == {"latents": 0.0, "features": 0.0, "audio": 0.0}
    assert 0 < distances["bfloat16"]["audio"] < 0.05
    profile = json.loads((tmp_path / "profile.json").read_text())
    for name in ("training step", "decoding"):
        assert f"{name}: " in (tmp_path / "profile.txt").read_text()
        operations = {row["name"]: row for row in profile[name]["operations"]}
        convolution = operations["aten::convolution"]
        assert convolution["flops"] > 10**7 and convolution["bytes"] > 10**6 and convolution["calls"] > 10
        assert profile[name]["kernels"] and profile[name]["seconds"] > 0


@pytest.mark.full
def test_training_leaves_weights(corpus_folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "held-out" / "a.wav", music(0.1))
    options = f"--iterations 2 --validate-on {tmp_path / 'held-out'}"
    done = check(tmp_path / "a", corpus_folder, MINUTES="9", PARTS="train export", TRAIN_OPTIONS=options)
    assert done.returncode == 0, done.stdout
    assert parts(tmp_path / "a") == {"train": "0", "export": "0"}
    assert "iteration 2: loss" in (tmp_path / "a" / "train.txt").read_text()
    Music2Latent.from_pretrained(tmp_path / "a" / "model")


def test_a_part_that_runs_out_of_time_does_not_stop_the_next(tmp_path: Path) -> None:
    sleeper = tmp_path / "python"
    sleeper.write_text('#!/bin/sh\necho $2\n[ "$2" != correct ] || exec sleep 60\n')
    sleeper.chmod(0o755)
    done = check(tmp_path / "a", MINUTES="1", PARTS="correct profile", PYTHON=str(sleeper), PATH=os.environ["PATH"])
    assert done.returncode == 1
    assert parts(tmp_path / "a") == {"correct": "124", "profile": "0"}
    assert (tmp_path / "a" / "correct.txt").read_text() == "correct\n", "written as it goes"
    assert (tmp_path / "a" / "profile.txt").read_text() == "profile\n"


def test_it_says_how_it_is_used() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "RESULTS"}
    done = subprocess.run([SCRIPT], capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert "RESULTS=DIR gpu_check.sh [CORPUS [WEIGHTS]]" in done.stdout
