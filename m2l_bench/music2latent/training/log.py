"""The log of a training."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from m2l_bench.music2latent.files import write_atomically
from m2l_bench.music2latent.training.boards import Board, TensorBoard, WeightsAndBiases

LOG = "log.jsonl"


class Log:
    """`log.jsonl`, and the same on the boards; only the first process writes.

    Args:
        folder: the run's folder; None: nothing is written.
        iteration: the iteration that the run goes on from. What a killed process wrote about later ones is removed,
            since they are done again.
        wandb: project at Weights & Biases; empty: it is not used.
        facts: what is known of the run before it starts.
    """

    def __init__(
        self, folder: Path | None, iteration: int, wandb: str = "", facts: Mapping[str, Any] | None = None
    ) -> None:
        self.folder = folder
        self.iteration = iteration
        self.wandb = wandb
        self.facts = facts or {}
        self.boards: list[Board] = []
        self.validated: int | None = None
        """The latest iteration whose validation is in the log."""

    def __enter__(self) -> Log:
        if self.folder is not None:
            path = self.folder / LOG
            rows = [row for row in read_log(self.folder) if row["iteration"] <= self.iteration]
            self.validated = max((row["iteration"] for row in rows if "loss" not in row), default=None)
            if self.wandb:
                self.boards.append(WeightsAndBiases(self.folder, self.wandb, self.facts))
            with self._explained():
                self.boards.append(TensorBoard(self.folder, self.iteration))
                write_atomically(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
                self.file = path.open("a", encoding="utf-8")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.folder is not None:
            with self._explained():
                self.file.close()
                for board in self.boards:
                    board.close(failed=kind is not None)

    def write(self, iteration: int, figures: dict[str, float], seconds: float) -> None:
        """Write figures; they are on the disk when this method returns.

        Raises:
            OSError: they cannot be written.
        """
        if self.folder is None:
            return
        known = {name: value for name, value in figures.items() if math.isfinite(value)}
        with self._explained():
            self.file.write(json.dumps({"iteration": iteration, "seconds": round(seconds, 2), **known}) + "\n")
            self.file.flush()
            for board in self.boards:
                board.write(iteration, known)
        if "loss" not in figures:
            self.validated = iteration

    def write_audio(self, iteration: int, examples: dict[str, np.ndarray], sample_rate: int) -> None:
        if self.folder is not None:
            with self._explained():
                for board in self.boards:
                    board.write_audio(iteration, examples, sample_rate)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise OSError(
                f"{self.folder}: the log cannot be written ({reason}). The last checkpoint is safe: fix it and run the "
                "same command again"
            ) from error


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Read the rows of a log, without the unfinished line that a killed process can leave; none if there is no log."""
    path = folder / LOG
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
