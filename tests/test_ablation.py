"""Table 3 from three short trainings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import music, write

from m2l_bench import ablation
from m2l_bench.ablation import METRICS, VARIANTS

PAPER = [
    ("Base Model", 1.808, 0.0563),
    ("+ Freq-wise Attention", 1.71, 0.0547),
    ("+ Adaptive Freq Scaling", 1.665, 0.0537),
]


def scored(base: float, attention: float, scaling: float) -> pd.DataFrame:
    """Two clips and two seeds, with distances that average to these."""
    rows = [
        {
            "model": variant.name,
            "seed": seed,
            "clip": clip,
            "parameters": 7,
            **dict.fromkeys(METRICS, mean + clip + seed),
        }
        for variant, mean in zip(VARIANTS, (base, attention, scaling), strict=True)
        for seed in (-1, 1)
        for clip in (-0.5, 0.5)
    ]
    return pd.DataFrame(rows)


def test_means_differences_and_the_paper_s_figures() -> None:
    table = ablation.table(scored(10.0, 9.0, 7.0), 100, 8)
    assert list(table["log_spectral_distance_db"]) == [10, 9, 7]
    assert list(table["log_spectral_distance_db_from_base"])[1:] == [-1, -3]
    assert np.isnan(table["log_spectral_distance_db_from_base"][0])
    assert list(table["log_spectral_distance_db_from_base_high"])[1:] == [-1, -3], "pairs differ by the same"
    assert table["log_spectral_distance_db_low"][0] < 10
    assert list(zip(table["model"], table["fad_paper"], table["fad_clap_paper"], strict=True)) == PAPER
    assert set(table["crops"]) == {800}
    assert set(table["clips"]) == set(table["seeds"]) == {2}


@pytest.mark.slow
def test_the_command_stops_goes_on_and_writes_the_table(tmp_path: Path) -> None:
    for name in ("music/a.wav", "held-out/b.wav", "held-out/c.wav"):
        write(tmp_path / name, music(0.5, seed=len(name)))

    def run(*arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "m2l_bench", *arguments]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)

    assert run("pack", "music", "-o", "corpus").returncode == 0
    command = ["ablate", "--preset", "tiny", "--data", "corpus", "--iterations", "2", "--batch-size", "2"]
    command += ["--validate-on", "held-out", "--out", "runs"]
    stopped = run(*command, "--max-minutes", "0")
    assert stopped.returncode == 3, stopped.stderr
    assert "the same command goes on" in stopped.stderr
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert "+ Adaptive Freq Scaling" in done.stdout
    table = pd.read_csv(tmp_path / "results" / "table3.csv")
    assert list(table["model"]) == [row[0] for row in PAPER]
    assert table["parameters"].nunique() == 3
    assert table["log_spectral_distance_db"].notna().all()
    assert len(pd.read_csv(tmp_path / "runs" / "clips.csv")) == 6
