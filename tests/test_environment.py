"""What is compiled once for all processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from m2l_bench.environment import compile_once

PROCESS = """
import sys, time
from pathlib import Path
from m2l_bench.environment import compile_once

def compile():
    with Path("compiled").open("a") as file:
        file.write("begins\\n")
    time.sleep(1)
    with Path("compiled").open("a") as file:
        file.write("ends\\n")

compile_once("numba", compile)
print(Path("compiled").read_text().count("ends"))
"""


def test_processes_that_start_together_compile_once(tmp_path: Path) -> None:
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    assert [process.communicate()[0].strip() for process in processes] == ["1"] * 3, "the others waited"
    assert (tmp_path / "compiled").read_text() == "begins\nends\n"


def test_what_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m2l_bench.environment.user_cache", lambda: tmp_path)
    calls: list[str] = []

    def fail() -> None:
        calls.append("failed")
        raise RuntimeError("no compiler")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="no compiler"):
            compile_once("numba", fail)
    compile_once("numba", lambda: calls.append("compiled"))
    compile_once("numba", fail)
    assert calls == ["failed", "failed", "compiled"]


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m2l-bench").write_text("a file, where a folder should be")
    monkeypatch.setattr("m2l_bench.environment.user_cache", lambda: tmp_path)
    compile_once("numba", lambda: None)
