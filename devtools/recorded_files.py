"""Files of weights, random and narrow, with the names and shapes that `scripts/record_vaes.py` found in networks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from devtools.upstream_weights import upstream_weights

DATA = Path(__file__).resolve().parents[1] / "tests" / "codecs" / "data"
ROTARY = "inv_freq"
"""End of the name of the frequencies of rotary positions, which are not learned."""


def recorded_weights(recording: Mapping[str, Any]) -> dict[str, Tensor]:
    """Make the tensors of a recording by their published names."""
    shapes = {name: tuple(shape) for name, shape in json.loads(str(recording["shapes"])).items()}
    arrays = upstream_weights(shapes)
    for name, array in arrays.items():  # or activations would grow from layer to layer, and rounding with them
        if name.endswith(".weight_g"):
            array *= 0.7
        elif name.endswith(".alpha"):
            array[...] = array - 3 if array.ndim == 1 else 0.2 * array  # on a scale of logarithms or not
    for name, other in json.loads(str(recording["same"])).items():
        arrays[name] = arrays[other]
    for name, (*_, size) in ((name, shape) for name, shape in shapes.items() if name.endswith(ROTARY)):
        arrays[name] = np.float32(10_000) ** -(np.arange(size, dtype=np.float32) / size)
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


class RecordedFile:
    """The weights of a recording, and the way to their file.

    Args:
        recording: name of a file in tests/codecs/data.
        filename: name of the file of weights.
        key: entry of the file that holds the tensors; empty: it holds nothing else.
    """

    def __init__(self, recording: str, filename: str, key: str = "") -> None:
        self.tensors = recorded_weights(np.load(DATA / recording))
        self.filename, self.key = filename, key

    def eval(self) -> RecordedFile:
        return self

    def save_pretrained(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        torch.save({self.key: self.tensors} if self.key else self.tensors, folder / self.filename)
