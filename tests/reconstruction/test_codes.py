"""Counts of codes in the pipeline: beside the rows, the same after a kill, on several devices, and in an older run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from support.audio import music, write
from support.command_line import M2L_BENCH, TESTS, Cli

from m2l_bench.metrics.codes import Counts
from m2l_bench.runs.code_counts import read_code_counts
from m2l_bench.runs.reconstruction import read_rows

CLIPS = 12
CODEC = """
import time
from m2l_bench import Codec

class Levels(Codec):
    sample_rate, channels, codebook_entries = 44100, 1, 256

    def encode(self, audio):
        time.sleep(0.1)
        return ((audio + 1) * 127).round().byte()

    def decode(self, latents, samples, **_):
        return latents.float() / 127 - 1
"""


@pytest.fixture
def command(quick_cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command line that measures a codec with codes on twelve clips, of one and of two channels."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "levels.py").write_text(CODEC)
    (quick_cards / "levels.yaml").write_text("name: levels\ntitle: L\nkind: neural\nadapter: levels:Levels\n")
    for number in range(CLIPS):
        write(tmp_path / "originals" / f"{number}.wav", music(0.2, channels=1 + number % 2, seed=number))
    task = ["--cards", "cards", "--task", "quick", "--data", "originals"]
    return ["reconstruct", *task, "--models", "levels", "--jobs", "1"]


def counts_in(folder: Path) -> dict[str, Counts]:
    """Counts by clip, of the clips that have a row."""
    counts = {row.id: read_code_counts(folder, row.id) for row in read_rows(folder)}
    return {id: clip_counts for id, clip_counts in counts.items() if clip_counts is not None}


def assert_equal(ours: dict[str, Counts], theirs: dict[str, Counts]) -> None:
    assert ours.keys() == theirs.keys()
    for id, counts in ours.items():
        np.testing.assert_array_equal(counts, theirs[id])


def test_counts_after_a_kill_and_on_two_devices_are_those_of_an_undisturbed_run(
    command: list[str], tmp_path: Path, cli_here: Cli
) -> None:
    folder = tmp_path / "runs" / "folder-originals" / "levels"
    process = subprocess.Popen(
        [*M2L_BENCH, *command],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), TESTS, os.environ.get("PYTHONPATH", "")])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not (folder / "rows.jsonl").exists() or len(read_rows(folder)) < 3:
        time.sleep(0.01)
        assert process.poll() is None and time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.wait()
    safe = [row.id for row in read_rows(folder)]
    assert 3 <= len(safe) < CLIPS and [*counts_in(folder)] == safe
    assert cli_here(*command).returncode == 0
    resumed = counts_in(folder)
    assert len(resumed) == CLIPS
    for id, counts in resumed.items():
        assert counts.shape == (1, 256) and counts.sum() == 8820 * (1 + int(id) % 2)
    for others in ([], ["--device", "cpu,cpu"]):
        shutil.rmtree(tmp_path / "runs")
        result = cli_here(*command, *others)
        assert result.returncode == 0, result.stderr
        assert_equal(counts_in(folder), resumed)
        assert not list(folder.rglob("*.part*"))


def test_an_older_run_goes_on_and_gains_counts_with_further_metrics(
    command: list[str], tmp_path: Path, cli_here: Cli
) -> None:
    folder = tmp_path / "runs" / "folder-originals" / "levels"
    assert cli_here(*command).returncode == 0
    counts = counts_in(folder)
    shutil.rmtree(folder / "codes")
    assert cli_here(*command).returncode == 0
    assert not counts_in(folder) and [path.name for path in folder.parent.iterdir()] == ["levels"]
    result = cli_here(*command, "--columns", "level")
    assert result.returncode == 0, result.stderr
    assert_equal(counts_in(folder), counts)


def test_a_system_without_codes_has_no_counts(command: list[str], tmp_path: Path, cli_here: Cli) -> None:
    """Neither a bitstream of bytes nor an anchor."""
    command[command.index("levels")] = "opus-12k,lowpass-7k"
    result = cli_here(*command)
    assert result.returncode == 0, result.stderr
    assert len(list((tmp_path / "runs" / "folder-originals").iterdir())) == 2
    assert not list((tmp_path / "runs").rglob("codes"))
