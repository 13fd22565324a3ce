"""`m2l-bench sweep`: Figure 2's data, a run for each number of steps."""

import json
from pathlib import Path

import pandas as pd
import pytest
from support.command_line import Cli
from support.toy_codec import CARD


@pytest.fixture
def sweep(quick_cards: Path, originals: Path) -> tuple[object, ...]:
    (quick_cards / "denoiser.yaml").write_text(CARD)
    return ("sweep", "--models", "denoiser", "--cards", quick_cards, "--task", "quick", "--data", originals, "--json")


def test_a_row_a_number_of_steps(sweep: tuple[object, ...], tmp_path: Path, cli_here: Cli) -> None:
    result = cli_here(*sweep, "--steps", "4,1")
    assert result.returncode == 0, result.stderr
    data = pd.read_csv(tmp_path / "runs" / "figure2.csv")
    assert data[["system", "steps", "clips"]].to_numpy().tolist() == [["denoiser", 1, 3], ["denoiser", 4, 3]]
    assert data["si_sdr_db"][1] - data["si_sdr_db"][0] == pytest.approx(12.04, abs=0.5)
    assert (data["si_sdr_db_low"] < data["si_sdr_db"]).all()
    assert not [name for name in data.columns if name.endswith("_paper")]
    assert (tmp_path / "runs" / "folder-originals" / "denoiser@steps4").is_dir()
    text = (tmp_path / "runs" / "figure2.md").read_text()
    assert "| Denoiser | 4 | 3 |" in text
    more = cli_here(*sweep, "--steps", "1,2,4")
    assert [row["steps"] for row in json.loads(more.stdout)["table"]["rows"]] == [1, 2, 4]
    assert pd.read_csv(tmp_path / "runs" / "figure2.csv")["si_sdr_db"][0] == data["si_sdr_db"][0]


@pytest.mark.parametrize("steps", ["0", "1,1", "two", ""])
def test_numbers_that_are_none(sweep: tuple[object, ...], cli_here: Cli, steps: str) -> None:
    result = cli_here(*sweep, "--steps", steps)
    assert result.returncode == 1 and "different whole numbers above zero" in result.stderr


def test_a_system_without_steps_is_refused(sweep: tuple[object, ...], cli_here: Cli) -> None:
    result = cli_here(*sweep, "--models", "opus-12k")
    assert result.returncode == 1 and "opus-12k: has no denoising steps to sweep over" in result.stderr
