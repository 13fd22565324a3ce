"""The log of a training."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np


class Log:
    """`log.jsonl`, and the same for TensorBoard; only the first process writes."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def __enter__(self) -> Log:
        if self.folder is not None:
            from torch.utils.tensorboard import SummaryWriter

            self.board = SummaryWriter(str(self.folder / "tensorboard"))
            self.file = (self.folder / "log.jsonl").open("a", encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        if self.folder is not None:
            self.board.close()
            self.file.close()

    def write(self, iteration: int, figures: dict[str, float], seconds: float) -> None:
        if self.folder is None:
            return
        known = {name: value for name, value in figures.items() if math.isfinite(value)}
        self.file.write(json.dumps({"iteration": iteration, "seconds": round(seconds, 2), **known}) + "\n")
        self.file.flush()
        for name, value in known.items():
            self.board.add_scalar(name, value, iteration)

    def write_audio(self, iteration: int, examples: dict[str, np.ndarray], sample_rate: int) -> None:
        if self.folder is not None:
            for name, samples in examples.items():
                self.board.add_audio(name, samples, iteration, sample_rate)
