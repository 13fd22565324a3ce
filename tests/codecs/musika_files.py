"""Files like Musika's: small ones that the authors' code wrote, and random ones of the published size.

`scripts/record_musika.py` made `data/musika_parity.npz` and `data/musika_layers.json` with the authors' code (commit
b1e6e79) on TensorFlow 2.15.1.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

DATA = Path(__file__).parent / "data"
NAMES = ("enc.h5", "enc2.h5", "dec.h5", "dec2.h5")


def recorded() -> dict[str, Any]:
    """hop, width; audio and decoded (samples, 2); latents (frames, 2 * width); noise00 and on; the files' bytes."""
    with np.load(DATA / "musika_parity.npz") as content:
        return dict(content)


def write_recorded(folder: Path) -> list[Path]:
    content = recorded()
    for name in NAMES:
        (folder / name).write_bytes(content[name].tobytes())
    return [folder / name for name in NAMES]


def published_layers() -> dict[str, Any]:
    """By file: its size in bytes, and the layers [name, {variable: shape}] in the order of the file."""
    return json.loads((DATA / "musika_layers.json").read_text())


def write_published_size(folder: Path) -> None:
    """All four files with the published names and shapes, and random values that keep the level."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    for name, content in published_layers().items():
        write(folder / name, content["layers"], generator)


def write(path: Path, layers: list[Any], generator: np.random.Generator) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer for layer, _ in layers]
        file.attrs["backend"], file.attrs["keras_version"] = "tensorflow", "2.15.0"
        for layer, weights in layers:
            group = file.create_group(layer)
            group.attrs["weight_names"] = list(weights)
            for weight, shape in weights.items():
                deviation = (2 / np.prod(shape[:3])) ** 0.5 if len(shape) == 4 else 0.1
                group[weight] = np.float32(deviation) * generator.standard_normal(shape, np.float32)
