"""Weights & Biases, through a stand-in for its package that remembers what it is told."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from m2l_bench.extras import explain_missing_package
from m2l_bench.jobs.training import TrainOptions, train
from m2l_bench.music2latent.training import loop
from m2l_bench.music2latent.training import state as states
from m2l_bench.music2latent.training.loop import initial_state
from m2l_bench.music2latent.training.settings import Status, Validation

from .conftest import MINUSCULE, SHORT, rows_of, run


class Wandb(ModuleType):
    """Its package, as far as it is used here. A run takes no step before the latest one, as W&B's does not."""

    class Error(Exception):
        pass

    def __init__(self) -> None:
        super().__init__("wandb")
        self.runs: list[Wandb.Run] = []
        self.refuses = ""

    def init(self, **settings: Any) -> Wandb.Run:
        if self.refuses:
            raise Wandb.Error(self.refuses)
        settings["id"] = settings["id"] or f"id-{len(self.runs)}"
        self.runs.append(Wandb.Run(settings))
        return self.runs[-1]

    class Run:
        def __init__(self, settings: dict[str, Any]) -> None:
            self.settings = settings
            self.id = settings["id"]
            self.rows: list[tuple[int, dict[str, Any]]] = []
            self.exit_code: int | None = None

        def log(self, row: dict[str, Any], step: int) -> None:
            assert not self.rows or step >= self.rows[-1][0]
            self.rows.append((step, row))

        def finish(self, exit_code: int) -> None:
            self.exit_code = exit_code

    class Audio:
        def __init__(self, samples: np.ndarray, sample_rate: int) -> None:
            self.samples, self.sample_rate = samples, sample_rate


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Wandb:
    package = Wandb()
    monkeypatch.setitem(sys.modules, "wandb", package)
    return package


class Stopped(Exception):
    pass


def stop(status: Status) -> None:
    if status.iteration == 4:
        raise Stopped


def test_a_continued_training_continues_its_run(
    corpus_folder: Path, tmp_path: Path, wandb: Wandb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECK_EVERY", 2)
    monkeypatch.setattr(loop._Run, "_is_checkpoint_due", lambda run: run.iteration == 3)
    sound = np.zeros(100, np.float32)
    settings: dict[str, Any] = {"wandb": "songs", "validate": lambda model: Validation({"answer": 42.0}, {"a": sound})}
    folder = tmp_path / "mine"
    with pytest.raises(Stopped):
        run(corpus_folder, folder, initial_state(MINUSCULE, SHORT, 0), on_status=stop, **settings)
    run(corpus_folder, folder, states.load(folder), **settings)
    first, second = wandb.runs
    assert first.settings["project"] == "songs" and first.settings["name"] == "mine"
    assert first.settings["dir"] == str(folder) and first.settings["resume"] == "allow"
    assert first.settings["config"]["recipe"]["iterations"] == 6 and first.settings["config"]["model"]["hop"] == 32
    assert first.id == second.id == (folder / "wandb-run.txt").read_text().strip()
    assert (first.exit_code, second.exit_code) == (1, 0)
    figures = [row | {"iteration": step} for step, row in first.rows + second.rows if "a" not in row]
    assert figures == rows_of(folder)
    sounds = [(step, row["a"].sample_rate) for step, row in first.rows + second.rows if "a" in row]
    assert sounds == [(0, 44_100), (3, 44_100), (6, 44_100)]


def test_without_an_account_one_line_says_what_to_do(corpus_folder: Path, tmp_path: Path, wandb: Wandb) -> None:
    wandb.refuses = "No API key configured.\nUse `wandb login`."
    with pytest.raises(OSError, match=r"Biases cannot be used \(No API key configured. Use `wandb login`.\)"):
        run(corpus_folder, tmp_path, wandb="songs")
    assert not (tmp_path / "wandb-run.txt").exists()


def test_a_missing_package_is_named_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ModuleNotFoundError) as error:
        train(TrainOptions(["corpus"], tmp_path / "out", wandb="songs"), Console())
    expected = "the package wandb is not installed: pip install 'm2l-bench[wandb]'"
    assert explain_missing_package(error.value) == expected
