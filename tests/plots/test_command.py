"""`m2l-bench plot`: which runs it takes, its errors, and what it imports."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import Cli
from support.runs import MakeProbe, MakeRun
from typer.testing import CliRunner

from m2l_bench.cli import make_app
from m2l_bench.errors import UserError
from m2l_bench.plots.runs import load_probes, load_runs

Scores = dict[str, dict[str, float]]
COMMANDS = ("figure2", "pareto", "distribution", "agreement", "spectrograms", "training", "confusion", "generate")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples(name: str) -> None:
    result = CliRunner().invoke(make_app(), ["plot", name, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0 and f"plot {name}" in result.output.split("Examples:")[1]


def test_a_figure_without_a_display(cli: Cli, make_run: MakeRun, scores: Scores, tmp_path: Path) -> None:
    make_run("dac", scores)
    result = cli("plot", "distribution", "--metrics", "visqol", "-o", "new/scores.pdf", MPLBACKEND="tkagg", DISPLAY="")
    assert result.returncode == 0 and "wrote new/scores.pdf" in result.stderr
    assert (tmp_path / "new" / "scores.pdf").read_bytes().startswith(b"%PDF")
    wrong = cli("plot", "figure2", "-o", "x.pdf")
    assert wrong.returncode == 1 and wrong.stderr.startswith("error: dac: no denoising steps")


def test_every_command_draws(
    make_run: MakeRun, make_probe: MakeProbe, scores: Scores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cost = {"latent_values": 10, "latent_bytes": 40, "encode_seconds": 0.1, "decode_seconds": 0.1}
    for steps in (1, 2):
        make_run("mine", scores, steps=steps, cost=cost)
    make_probe("mine", [[1, 0], [0, 1]], "ab")
    (tmp_path / "log.jsonl").write_text('{"iteration": 1, "loss": 2.0}\n')
    for name, runs in (("figure2", []), ("pareto", ["runs"]), ("confusion", []), ("training", ["."])):
        result = CliRunner().invoke(make_app(), ["plot", name, *runs, "-o", f"{name}.svg"], catch_exceptions=False)
        assert result.exit_code == 0 and (tmp_path / f"{name}.svg").stat().st_size > 1000


def test_matplotlib_is_imported_late_and_pyplot_never(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "m2l_imports.py").write_text(
        "import sys, m2l_bench.cli\n"
        "assert 'matplotlib' not in sys.modules and 'pandas' not in sys.modules\n"
        "import m2l_bench.plots.style\n"
        "from m2l_bench.plots import agreement, confusion, distribution, figure2, pareto, spectrograms, training\n"
        "assert 'matplotlib.pyplot' not in sys.modules and 'torch' not in sys.modules\n"
    )
    import os
    import subprocess
    import sys

    subprocess.run([sys.executable, tmp_path / "m2l_imports.py"], check=True, env=os.environ)


def test_runs_are_folders_of_runs_of_a_dataset_or_themselves(make_run: MakeRun, scores: Scores, tmp_path: Path) -> None:
    dac, musika = make_run("dac", scores), make_run("musika", scores)
    for paths in ([tmp_path / "runs"], [dac.parent], [musika, dac], [dac.parent, dac]):
        assert [run.name for run in load_runs(paths)] == ["dac", "musika"]
    assert [run.name for run in load_runs([tmp_path / "runs"], models=["musika", "dac"])] == ["musika", "dac"]
    assert [run.name for run in load_runs([dac])] == ["dac"]


def test_no_such_runs(make_run: MakeRun, make_probe: MakeProbe, scores: Scores, tmp_path: Path) -> None:
    runs = [tmp_path / "runs"]
    with pytest.raises(UserError, match="no runs there; `m2l-bench reconstruct` makes them"):
        load_runs(runs)
    with pytest.raises(UserError, match="no such probes there; `m2l-bench probe` makes them"):
        load_probes(runs)
    make_run("dac", scores)
    make_run("dac", scores, dataset="other")
    make_probe("mine", None)
    with pytest.raises(UserError, match="no runs over 'third'; there are data, other"):
        load_runs(runs, "third")
    with pytest.raises(UserError, match="no run of 'musika'; there are dac"):
        load_runs(runs, "data", ["musika"])
    with pytest.raises(UserError, match="no such probes there; there are toy/mine"):
        load_probes(runs, models=["other"])
