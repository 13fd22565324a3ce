"""Table 3 from three short trainings."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from support.audio import music, write
from support.command_line import Cli

from m2l_bench.tables.ablation import VARIANTS


@pytest.mark.slow
def test_the_command_stops_goes_on_and_writes_the_table(cli_here: Cli, tmp_path: Path) -> None:
    for name in ("music/a.wav", "held-out/b.wav", "held-out/c.wav"):
        write(tmp_path / name, music(0.5 if name == "music/a.wav" else 0.1, seed=len(name)))
    assert cli_here("pack", "music", "-o", "corpus").returncode == 0
    command = ["ablate", "--preset", "tiny", "--data", "corpus", "--iterations", "1", "--batch-size", "2"]
    command += ["--validate-on", "held-out", "--out", "runs"]
    stopped = cli_here(*command, "--max-minutes", "0")
    assert stopped.returncode == 3, stopped.stderr
    assert "the same command goes on" in stopped.stderr
    done = cli_here(*command, "--json")
    assert done.returncode == 0, done.stderr
    assert [row["seeds"] for row in json.loads(done.stdout)["rows"]] == [1, 1, 1]
    table = pd.read_csv(tmp_path / "runs" / "table3.csv")
    assert list(table["system"]) == [variant.name for variant in VARIANTS]
    assert table["parameters"].nunique() == 3
    assert table["log_spectral_distance_db"].notna().all()
    assert len(pd.read_csv(tmp_path / "runs" / "table3_clips.csv")) == 6
