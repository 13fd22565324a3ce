"""The figure of latents: its numbers, its directions, and what it says about files it cannot read."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import Cli
from support.latent_spaces import write_report

from m2l_bench.errors import UserError
from m2l_bench.plots import latents
from m2l_bench.runs.latent_spaces import read_latent_spaces

NAN = float("nan")
VALUES = {
    "good": {"gaussian_distance": (0.1, 0.05, 0.2), "gaussian_floor": (0.03, 0.03, 0.03), "predictability": (9, 8, 11)},
    "poor": {
        "gaussian_distance": (0.4, 0.3, 0.5),
        "gaussian_floor": (0.03, 0.03, 0.03),
        "predictability": (2, NAN, NAN),
    },
}


def test_better_values_are_on_the_right(tmp_path: Path) -> None:
    drawn = latents.figure(latents.load_latents(write_report(tmp_path / "a.csv", VALUES)))
    titles = [axis.get_title() for axis in drawn.axes]
    assert titles == ["From Gaussian", "Predictable bits"]
    for axis, better_left in zip(drawn.axes, (True, False), strict=True):
        left, right = axis.get_xlim()
        assert (left > right) == better_left and "better →" in axis.get_xlabel()
        (good,), (poor,) = (container[0].get_xdata() for container in axis.containers)
        assert abs(good - right) < abs(poor - right)
    low, high = drawn.axes[0].containers[0][2][0].get_segments()[0][:, 0]
    assert (low, high) == pytest.approx((0.05, 0.2))
    assert [tick.get_text() for tick in drawn.axes[0].get_yticklabels()] == ["=Good", "=Poor"]


def test_titles_are_no_formulas_in_the_file_and_come_back(tmp_path: Path) -> None:
    path = write_report(tmp_path / "a.csv", VALUES)
    assert ",'=Good," in path.read_text()
    space = read_latent_spaces(path)["good"]
    assert space.title == "=Good" and space.figures["predictability"] == (9, 8, 11, 5)


def test_the_command_draws_chosen_systems(tmp_path: Path, cli_here: Cli) -> None:
    write_report(tmp_path / "runs" / "latents.csv", VALUES)
    assert cli_here("plot", "latents", "--models", "poor", "-o", "a.svg").returncode == 0
    text = (tmp_path / "a.svg").read_text()
    assert "=Poor" in text and "=Good" not in text
    result = cli_here("plot", "latents", "--models", "none", "-o", "a.svg")
    assert result.returncode == 1 and "no system 'none'; there are good, poor" in result.stderr


def test_no_file_and_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="`m2l-bench latents report` writes it"):
        latents.load_latents(tmp_path / "none.csv")
    path = write_report(tmp_path / "a.csv", {"codes": {"entropy": (1.0, 0.5, 1.5)}})
    with pytest.raises(UserError, match="none of these systems"):
        latents.figure(latents.load_latents(path))
