"""The figure of generated sets: its numbers, its directions, and what it says about files it cannot read."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import Cli
from support.generation import write_table

from m2l_bench.errors import UserError
from m2l_bench.plots import generation


def test_better_values_are_on_the_right_and_samples_between_their_ends(tmp_path: Path) -> None:
    kad, fad = generation.figure(generation.load_sets(write_table(tmp_path / "generate.csv"))).axes
    assert kad.get_xlabel().startswith("KAD-MusiCNN") and fad.get_xlabel().startswith("FAD-MusiCNN")
    left, right = kad.get_xlim()
    assert left > right and kad.get_xlabel().endswith("better →")
    assert [container[0].get_xdata().item() for container in kad.containers] == [3, 9, 2, 8, 7, 9]
    low, high = kad.containers[0][2][0].get_segments()[0][:, 0]
    assert (low, high) == pytest.approx((2.5, 4))
    (band,) = kad.collections[:1]  # `hard` has no ceiling, and so no band
    assert {x for x, _ in band.get_paths()[0].vertices} == {2, 9}
    assert [tick.get_text() for tick in kad.get_yticklabels()] == [
        "samples, seed 0", "random latents", "corpus", "samples, seed 0", "samples, seed 1", "random latents",
    ]  # fmt: skip


def test_the_command_draws_chosen_systems(tmp_path: Path, cli_here: Cli) -> None:
    write_table(tmp_path / "runs" / "generate" / "generate.csv")
    assert cli_here("plot", "generate", "--models", "hard", "-o", "a.svg").returncode == 0
    text = (tmp_path / "a.svg").read_text()
    assert "hard" in text and "easy" not in text
    result = cli_here("plot", "generate", "--models", "none", "-o", "a.svg")
    assert result.returncode == 1 and "no system 'none'; there are easy, hard" in result.stderr


def test_what_is_no_such_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="`m2l-bench generate` writes it"):
        generation.load_sets(tmp_path / "none.csv")
    (tmp_path / "other.csv").write_text("system,set\ndac,one\n")
    with pytest.raises(UserError, match="not a table of `m2l-bench generate`"):
        generation.load_sets(tmp_path / "other.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(UserError, match="not readable as CSV"):
        generation.load_sets(tmp_path / "empty.csv")
