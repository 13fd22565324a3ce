"""Files like Musika's, of the published size, with random weights.

`scripts/record_musika.py` made `musika_layers.json` with the authors' code (commit b1e6e79) on TensorFlow 2.15.1.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

LAYERS = Path(__file__).with_name("musika_layers.json")


def published_layers() -> dict[str, Any]:
    """Size in bytes and layers [name, {variable: shape}] of each file, in the order of the file."""
    layers: dict[str, Any] = json.loads(LAYERS.read_text())
    return layers


def write_published_size(folder: Path) -> None:
    """Write all four files with the published names and shapes, and random values that keep the level."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    for name, content in published_layers().items():
        write(folder / name, content["layers"], generator)


def write(path: Path, layers: list[Any], generator: np.random.Generator) -> None:
    """Write one file, laid out as Keras 2 does."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer for layer, _ in layers]
        file.attrs["backend"], file.attrs["keras_version"] = "tensorflow", "2.15.0"
        for layer, weights in layers:
            group = file.create_group(layer)
            group.attrs["weight_names"] = list(weights)
            for weight, shape in weights.items():
                deviation = (2 / np.prod(shape[:3])) ** 0.5 if len(shape) == 4 else 0.1
                group[weight] = np.float32(deviation) * generator.standard_normal(shape, np.float32)
