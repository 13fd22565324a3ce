"""An embedding of three numbers a quarter of a second, for tests; it counts how often it is asked."""

from pathlib import Path

import torch
from torch import Tensor

from m2l_bench import Embedding


class Toy(Embedding):
    version = "1"
    sample_rate = 8000
    dim = 3
    minimum_seconds = 0.25

    def __init__(self, weights: Path | None = None, counter: str = "", gives_nan: bool = False) -> None:
        self.scale = float(weights.read_text()) if weights else 1.0
        self.counter = counter
        self.gives_nan = gives_nan

    def embed(self, audio: Tensor) -> Tensor:
        if self.counter:
            with Path(self.counter).open("a") as file:
                file.write(".")
        windows = audio[: len(audio) // 2000 * 2000].reshape(-1, 2000)
        level, change = windows.abs().mean(dim=1), windows.diff(dim=1).abs().mean(dim=1)
        vectors = self.scale * torch.stack([level, change, windows.amax(dim=1)], dim=1)
        return vectors * torch.nan if self.gives_nan else vectors


CARD = "name: toy\ntitle: Toy\nkind: embedding\nadapter: support.toy_embedding:Toy\n"
