"""Small synthetic audio, cards without the slow metric, and the command line in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import settings

from m2l_bench.cli import main

settings.register_profile("untimed", deadline=None)  # timings never decide a test
settings.load_profile("untimed")

SHARED = Path(__file__).resolve().parents[2] / "shared"
M2L_BENCH = [sys.executable, "-m", "m2l_bench"]
"""The command line in a process of its own."""


def music(seconds: float = 1.0, rate: int = 44_100, channels: int = 1, seed: int = 0) -> np.ndarray:
    """(channels, samples) float32: decaying notes with harmonics and a little noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    voices = []
    for _ in range(channels):
        voice = 0.01 * rng.standard_normal(len(time))
        for start in np.arange(0, seconds, 0.25):
            pitch = 110 * 2 ** (rng.integers(0, 36) / 12)
            sounding = slice(np.searchsorted(time, start, "right"), np.searchsorted(time, start + 3, "left"))
            age = time[sounding] - start
            decay = np.exp(-4 * age)
            for harmonic in range(1, 6):
                voice[sounding] += 0.05 / harmonic * np.sin(2 * np.pi * pitch * harmonic * age) * decay
        voices.append(voice)
    return np.asarray(voices, np.float32)


def write(path: Path, audio: np.ndarray, rate: int = 44_100, subtype: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio.T, rate, subtype=subtype)
    return path


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


Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Runs m2l-bench in `tmp_path`, as a user would."""

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
    """As `cli`, within this process, which does not import everything anew: where a process is not what is tested.

    Not for variables of the Hugging Face hub, which are read once.
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
