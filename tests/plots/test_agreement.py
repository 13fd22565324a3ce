"""The heat map shows the numbers of the table, and its signs without colours."""

from __future__ import annotations

from pathlib import Path

import matplotlib.text
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from support.command_line import Cli
from support.runs import MakeRun

from m2l_bench.errors import UserError
from m2l_bench.plots import agreement
from m2l_bench.plots.runs import load_runs
from m2l_bench.tables.agreement import agreement_of, paired_metrics

Scores = dict[str, dict[str, float]]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


def make_runs(make_run: MakeRun, scores: Scores, number: int = 4) -> None:
    """Runs with the scores, and mel distances that say the opposite of SI-SDR."""
    for place in range(number):
        values = {name: {id: value + place for id, value in by_clip.items()} for name, by_clip in scores.items()}
        make_run(f"s{place}", {**values, "mel_distance": values["si_sdr_db"]})


def test_cells_are_the_correlations_below_and_above_the_diagonal(
    tmp_path: Path, make_run: MakeRun, scores: Scores
) -> None:
    make_runs(make_run, scores)
    runs = load_runs([tmp_path / "runs"])
    drawn = agreement.figure(runs)
    axis = drawn.axes[0]
    values = np.ma.filled(axis.images[0].get_array(), np.nan)
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["SI-SDR", "ViSQOL", "Mel distance"]
    expected = agreement_of(runs, paired_metrics(runs, "all")).pairs.set_index(["first", "second"])
    assert values[2, 0] == expected.loc[("si_sdr_db", "mel_distance"), "over_systems"] == pytest.approx(-1)
    assert values[0, 1] == expected.loc[("si_sdr_db", "visqol"), "over_clips"]
    assert np.isnan(values.diagonal()).all()
    hatched = {(round(p.get_y() + 0.5), round(p.get_x() + 0.5)) for p in axis.patches if p.get_hatch()}
    assert hatched == {(row, column) for row in range(3) for column in range(3) if values[row, column] < 0}
    assert all(isinstance(patch, Rectangle) for patch in axis.patches)
    assert {"-1.00", "above the diagonal: over clips", "below the diagonal: over systems"} <= set(texts(drawn))
    assert "Systems: s3, s2, s1, s0." in "\n".join(texts(drawn)).replace("\n", " ")


def test_an_interval_with_zero_is_in_brackets_and_empty_cells_are_explained(
    tmp_path: Path, make_run: MakeRun, scores: Scores
) -> None:
    make_runs(make_run, scores, 2)
    drawn = agreement.figure(load_runs([tmp_path / "runs"]), ["si_sdr_db", "visqol"])
    assert np.isnan(np.ma.filled(drawn.axes[0].images[0].get_array(), np.nan)[1, 0])
    shown = " ".join("\n".join(texts(drawn)).split())
    assert "fewer than 3 systems have both" in shown
    assert any(text.startswith("(") and text.endswith(")") for text in texts(drawn))


def test_one_metric_cannot_be_drawn(tmp_path: Path, make_run: MakeRun, scores: Scores) -> None:
    make_run("dac", scores)
    runs = load_runs([tmp_path / "runs"])
    with pytest.raises(UserError, match="agreement needs two"):
        agreement.figure(runs, ["visqol"])
    with pytest.raises(UserError, match="no metric 'fad' with a value for each clip"):
        agreement.figure(runs, ["fad", "visqol"])


def test_the_command_writes_the_figure(cli_here: Cli, tmp_path: Path, make_run: MakeRun, scores: Scores) -> None:
    make_runs(make_run, scores)
    result = cli_here("plot", "agreement", "--models", "s0,s1,s2", "-o", "new/agreement.pdf")
    assert result.returncode == 0 and "wrote new/agreement.pdf" in result.stderr
    assert (tmp_path / "new/agreement.pdf").read_bytes().startswith(b"%PDF")
