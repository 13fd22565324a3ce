"""`scripts/gpu_leg.sh`: music that arrives in pieces, a training in two legs, weights that leave in parts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from support.audio import music, write

from m2l_bench.music2latent import Music2Latent

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "gpu_leg.sh"
LENGTH = ("--preset", "tiny", "--batch-size", "2", "--iterations", "12")


def leg(*arguments: object) -> str:
    result = subprocess.run(
        [SCRIPT, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "M2L_BENCH": f"{sys.executable} -m m2l_bench", "PART": "1M"},
    )
    assert result.returncode == 0, result.stderr + result.stdout
    return result.stdout


@pytest.mark.slow
def test_two_legs(tmp_path: Path) -> None:
    write(tmp_path / "song.wav", music(1.0, channels=2))
    write(tmp_path / "held out" / "other.wav", music(1.0, channels=1, seed=1))
    with tarfile.open(tmp_path / "corpus.tar", "w") as tar:
        tar.add(tmp_path / "song.wav", "song.wav")
    whole = (tmp_path / "corpus.tar").read_bytes()
    for number, piece in enumerate((whole[:70_000], whole[70_000:])):
        folder = tmp_path / f"load-{number}"
        folder.mkdir()
        (folder / f"corpus.{number:02d}").write_bytes(piece)
        leg("collect", folder, tmp_path / "work")
    train = ("train", tmp_path / "work", tmp_path / "out", 0.02, *LENGTH, "--validate-on", tmp_path / "held out")
    first = leg(*train)
    assert "1 files" in first and "iteration 0:" in first
    shutil.rmtree(tmp_path / "out")
    second = leg(*train[:3], 5, *train[4:])
    assert "going on from iteration" in second and "iteration 12:" in second
    assert (tmp_path / "out" / "log.txt").read_text() in second

    parts = sorted((tmp_path / "out").glob("model.safetensors.*"))
    assert len(parts) > 1 and all(part.stat().st_size <= 2**20 for part in parts)
    (tmp_path / "out" / "model.safetensors").write_bytes(b"".join(part.read_bytes() for part in parts))
    assert (
        Music2Latent.from_pretrained(tmp_path / "out").config
        == Music2Latent.from_pretrained(tmp_path / "work" / "run" / "model").config
    )


def test_it_says_how_it_is_used() -> None:
    result = subprocess.run([SCRIPT], capture_output=True, text=True)
    assert result.returncode == 2
    assert "gpu_leg.sh train WORK OUT MINUTES" in result.stdout


def test_a_failing_leg_fails(tmp_path: Path) -> None:
    (tmp_path / "pieces").mkdir()
    (tmp_path / "pieces" / "corpus.00").write_bytes(b"no tar")
    result = subprocess.run([SCRIPT, "train", tmp_path, tmp_path / "out", "1"], capture_output=True, text=True)
    assert result.returncode != 0
