import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import typer
from support.command_line import Cli
from typer.testing import CliRunner

from m2l_bench.cli import make_app
from m2l_bench.commands.reconstruct import reconstruct
from m2l_bench.commands.training import PRESET_NAMES
from m2l_bench.music2latent.config import PRESETS


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv = ['m2l-bench', '--help']\n"
        "from m2l_bench.cli import main\ntry: main()\nexcept SystemExit: pass\n"
        "print([name for name in ('torch', 'numpy', 'pandas', 'scipy', 'pydantic', 'rich') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip().endswith("[]")


def test_names_and_descriptions_of_metrics_load_nothing_that_measures() -> None:
    code = (
        "import sys\nimport m2l_bench.metrics\n"
        "print([name for name in ('torch', 'numba', 'scipy', 'librosa', 'soxr') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_help_of_all_commands_is_the_same_whether_they_can_run_or_are_only_listed() -> None:
    def help_of(app: typer.Typer) -> str:
        return CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).output

    assert help_of(make_app("--help")) == help_of(make_app())
    assert help_of(make_app("plot")) == help_of(make_app())


def test_help_keeps_each_example_on_one_line_that_can_be_copied() -> None:
    lines = CliRunner().invoke(make_app(), ["reconstruct", "--help"], env={"COLUMNS": "60"}).output.splitlines()
    docstring = reconstruct.__doc__ or ""
    examples = [line.strip() for line in docstring.splitlines() if line.strip().startswith("m2l-bench ")]
    assert len(examples) > 3 and {f"    {example}" for example in examples} <= set(lines)


def test_help_names_all_presets() -> None:
    assert ", ".join(f"`{name}`" for name in PRESETS) == PRESET_NAMES


def test_a_shell_that_asks_for_completions_gets_options() -> None:
    code = "import sys\nsys.argv = ['m2l-bench']\nfrom m2l_bench.cli import main\nmain()"
    asked = {"_M2L_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": "m2l-bench tables --be", "COMP_CWORD": "2"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **asked})
    assert result.stdout.split() == ["--beside"]


def test_wrong_usage_is_2_and_mistakes_are_1_line(cli: Cli, cli_here: Cli) -> None:
    assert cli("reconstruct", "--limit", 0).returncode == 2
    mistakes = {
        ("reconstruct", "--models", "opus-12"): "did you mean 'opus-12k'?",
        ("reconstruct", "--models", "latmusic"): "--recorded latmusic=DIR",
        ("reconstruct", "--task", "folder"): "--data DIR",
        ("reconstruct", "--task", "folder", "--data", "nowhere"): "no such folder",
        ("reconstruct", "--recorded", "x"): "expected NAME=DIR",
        ("reconstruct", "--recorded", "x=nowhere"): "no such folder",
        ("reconstruct", "--wrong-rate-label", "x"): "no --recorded x=DIR",
        ("reconstruct", "--cards", "nowhere"): "no such folder",
        ("reconstruct", "--models", "opus-12k,opus-12k"): "named twice",
        ("tables",): "no runs there",
        ("tasks", "bundle"): "did you mean 'bundled'?",
    }
    for arguments, message in mistakes.items():
        result = cli_here(*arguments)
        assert result.returncode == 1, arguments
        assert message in result.stderr and len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert "Traceback" in cli("--debug", "tasks", "bundle").stderr


def test_a_full_memory_is_1_line_that_says_what_to_lower(cli_here: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2.00 GiB")

    monkeypatch.setattr("m2l_bench.reconstruction.pipeline.reconstruct", full)
    result = cli_here("reconstruct", "--models", "reference")
    assert result.returncode == 1
    expected = "error: out of memory: set chunk_seconds or a smaller gpu_batch_size in the card, or use --precision"
    assert expected in result.stderr.splitlines()[-1]


def test_a_full_disk_is_1_line(cli_here: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere/compiled.bin")

    monkeypatch.setattr("m2l_bench.reconstruction.pipeline.reconstruct", full)
    result = cli_here("reconstruct", "--models", "reference")
    assert result.returncode == 1
    expected = "error: somewhere/compiled.bin: the disk is full (No space left on device). What is finished is safe: "
    assert result.stderr.splitlines()[-1].startswith(expected)


def test_an_interruption_says_that_nothing_is_lost(cli_here: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("m2l_bench.reconstruction.pipeline.reconstruct", interrupted)
    result = cli_here("reconstruct", "--models", "reference")
    assert result.returncode == 130
    assert result.stderr.splitlines()[-1] == "interrupted; what is finished is safe, the same command goes on"


def test_completion_is_installed_and_knows_the_commands(
    cli_here: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shell is named: which one runs the tests cannot be found out everywhere."""
    monkeypatch.setattr("__main__.__package__", "")  # as of the script m2l-bench, whose name is completed
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1", "HOME": str(tmp_path)}
    assert cli_here("--install-completion", "bash", **named).returncode == 0
    assert "m2l-bench.sh" in (tmp_path / ".bashrc").read_text()
    words = {"COMP_WORDS": "m2l-bench mod", "COMP_CWORD": "1", "_M2L_BENCH_COMPLETE": "complete_bash"}
    assert cli_here(**words).stdout.split() == ["models"]


def test_models_and_tasks_are_listed_for_people_and_programs(cli: Cli) -> None:
    listed = {card["name"]: card for card in json.loads(cli("models", "--json").stdout)}
    assert listed["opus-12k"]["available"] and not listed["latmusic"]["available"]
    assert "--recorded latmusic=DIR" in listed["latmusic"]["command"]
    stdout = cli("models").stdout
    assert "--recorded NAME=DIR" in stdout and "latmusic" in stdout
    assert {"bundled", "folder", "musiccaps"} <= {card["name"] for card in json.loads(cli("tasks", "--json").stdout)}
    shown = cli("tasks", "bundled").stdout
    assert "CC-BY-SA-3.0" in shown and "Karissa Hobbs" in shown


def test_output_that_is_not_a_terminal_has_no_colours_or_bars(cli: Cli) -> None:
    result = cli("reconstruct", "--task", "demo", "--limit", 1, "--models", "reference", "--no-audio")
    assert result.returncode == 0, result.stderr
    assert "\x1b" not in result.stdout + result.stderr and "\r" not in result.stderr
    assert "∞" in result.stdout and "4.73" in result.stdout
