"""Fixtures for all tests: cards without the slow metric, a folder of audio, and the command line."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from support.audio import music, write
from support.command_line import M2L_BENCH, Cli

from m2l_bench.cli import main
from m2l_bench.console import terminal

settings.register_profile("untimed", deadline=None)  # timings never decide a test
settings.load_profile("untimed")
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # Triton reads it on its first import, which may be that of another test
pytest.register_assert_rewrite("support.codec_checks", "support.embedding_checks")


@pytest.fixture(autouse=True)
def no_lines_after_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """No lines of progress on a slow machine, on which they would decide what a test finds on stderr."""
    monkeypatch.setattr(terminal, "LINE_SECONDS", math.inf)
    monkeypatch.setattr(terminal, "WORTH_A_LINE_SECONDS", math.inf)


@pytest.fixture
def quick_cards(tmp_path: Path) -> Path:
    """A folder with the task `quick`: a directory of audio scored with SI-SDR alone."""
    folder = tmp_path / "cards"
    folder.mkdir()
    (folder / "quick.yaml").write_text("name: quick\ntitle: Quick\ndataset: folder\nmetrics: [si_sdr_db]\n")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that no processor waits for the last of them."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    folder = tmp_path / "originals"
    for i in range(3):
        write(folder / f"clip{i}.wav", music(seed=i))
    return folder


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run m2l-bench in `tmp_path`, as a user would."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*M2L_BENCH, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"COLUMNS": "200"} | environment,
            check=False,
        )

    return run


@pytest.fixture
def cli_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run it within this process, which does not import everything anew: where a process is not what is tested.

    It is not for variables of the Hugging Face hub, which are read once.
    """

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            for name, value in {"COLUMNS": "200", **environment}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["m2l-bench", *map(str, arguments)])
            patch.setattr(signal, "signal", lambda *_: None)
            capsys.readouterr()
            with pytest.raises(SystemExit) as ended:
                main()
        output, errors = capsys.readouterr()
        return subprocess.CompletedProcess(["m2l-bench", *arguments], int(ended.value.code or 0), output, errors)

    return run
