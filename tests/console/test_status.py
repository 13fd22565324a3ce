"""`m2l-bench --status FILE`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.audio import music, write
from support.command_line import Cli

from m2l_bench.console import status
from m2l_bench.console.encoding import EncodingBar
from m2l_bench.console.terminal import ProgressBars, make_consoles


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(status, "EVERY_SECONDS", 0.0)
    yield tmp_path / "status.json"
    status.STATUS.path = None


def read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def test_it_says_how_far_the_work_is_and_how_it_ended(file: Path) -> None:
    _, stderr = make_consoles(False)
    status.STATUS.open(file, "reconstruct")
    assert read(file)["state"] == "running" and read(file)["command"] == "reconstruct"
    with ProgressBars(stderr).start("dac", 4, 1) as advance:
        assert (read(file)["done"], read(file)["seconds_left"]) == (1, None)
        advance()
        assert {"work": "dac", "total": 4, "done": 2}.items() <= read(file).items()
        assert read(file)["seconds_left"] >= 0
    status.STATUS.close(3)
    assert read(file)["state"] == "finished" and read(file)["exit_code"] == 3


def test_an_encoding_says_its_failures_and_hours(file: Path) -> None:
    _, stderr = make_consoles(False)
    status.STATUS.open(file, "encode")
    with EncodingBar(stderr).files(3, 0) as advance:
        advance("a", 7200.0, "")
        advance("b", 0.0, "damaged")
    assert {"done": 2, "total": 3, "failed": 1, "audio_hours": 2.0}.items() <= read(file).items()
    status.STATUS.close(1)
    assert read(file)["state"] == "failed"


def test_a_command_writes_it(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "clips" / "a.wav", music(0.5))
    arguments = ("--task", "folder", "--data", tmp_path / "clips", "--models", "lowpass-7k", "--out", tmp_path / "runs")
    result = cli("--status", tmp_path / "status.json", "reconstruct", *arguments)
    assert result.returncode == 0, result.stderr
    content = read(tmp_path / "status.json")
    assert {"command": "reconstruct", "state": "finished", "exit_code": 0}.items() <= content.items()
    wrong = cli("--status", tmp_path / "status.json", "reconstruct", "--models", "none")
    assert wrong.returncode == 1 and read(tmp_path / "status.json")["state"] == "failed"
    nowhere = cli("--status", tmp_path / "clips", "tasks")
    assert nowhere.returncode == 0 and "cannot be written" in nowhere.stderr
