"""Write the weights of MusiCNN-MSD, from the wheel of musicnn 0.1.0, as the safetensors file that this package ships.

    pip download --no-deps musicnn==0.1.0
    python scripts/convert_musicnn.py musicnn-0.1.0-py3-none-any.whl

Nothing is installed or executed from the wheel, and TensorFlow is not needed. The same wheel gives the same bytes.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from devtools import tensorflow_checkpoint

SHIPPED = Path(__file__).resolve().parents[1] / "m2l_bench" / "embeddings" / "weights" / "musicnn_msd.safetensors"
INDEX = "musicnn/MSD_musicnn/.index"
DATA = "musicnn/MSD_musicnn/.data-00000-of-00001"
SOURCE = "musicnn 0.1.0, MSD_musicnn; ISC licence, Copyright Music Technology Group, Universitat Pompeu Fabra 2019"
"""The file's metadata. One key only: safetensors writes several in random order."""

# TensorFlow numbers its layers as the code makes them: `conv2d`, `conv2d_1`, ...
FRONT = ("timbral.0", "timbral.1", "temporal.0", "temporal.1", "temporal.2")
MID = ("mid.0", "mid.1", "mid.2")
CONVOLUTIONS = [f"{block}.conv" for block in FRONT + MID]
NORMS = ["input_norm", *(f"{block}.norm" for block in FRONT + MID), "pooled_norm", "dense_norm"]
DENSE = ["dense", "tags"]
NORM_PARTS = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}

Tensors = dict[str, NDArray[np.float32]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--output", type=Path, default=SHIPPED, help="default: the file that this package ships")
    arguments = parser.parse_args()
    try:
        with zipfile.ZipFile(arguments.wheel) as wheel:
            original = tensorflow_checkpoint.read(wheel.read(INDEX), wheel.read(DATA))
        arguments.output.write_bytes(save(convert(original), metadata={"source": SOURCE}))
    except KeyError as error:  # of the wheel, or of the checkpoint
        print(f"error: {arguments.wheel}: not the wheel of musicnn 0.1.0 ({error.args[0]} is missing)", file=sys.stderr)
        return 1
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        print(f"error: {arguments.wheel}: {error}", file=sys.stderr)
        return 1
    return 0


def convert(original: dict[str, NDArray[np.generic]]) -> Tensors:
    """Names and axes of `m2l_bench.embeddings.musicnn_network`; the optimiser's tensors are left behind."""
    tensors: Tensors = {}

    def take(name: str, new: str, axes: tuple[int, ...] | None = None) -> None:
        tensor = original[name].astype(np.float32)
        tensors[new] = np.ascontiguousarray(tensor if axes is None else tensor.transpose(axes))

    for name, new in _numbered("conv2d", CONVOLUTIONS):
        take(f"{name}/kernel", f"{new}.weight", axes=(3, 2, 0, 1))  # from (frames, mels, in, out)
        take(f"{name}/bias", f"{new}.bias")
        if new.startswith("mid"):  # there the channels stand where the mel bands did: (out, 1, frames, channels)
            tensors[f"{new}.weight"] = np.ascontiguousarray(tensors[f"{new}.weight"][:, 0].transpose(0, 2, 1))
    for name, new in _numbered("batch_normalization", NORMS):
        for part, new_part in NORM_PARTS.items():
            take(f"{name}/{part}", f"{new}.{new_part}")
    for name, new in _numbered("dense", DENSE):
        take(f"{name}/kernel", f"{new}.weight", axes=(1, 0))
        take(f"{name}/bias", f"{new}.bias")
    return tensors


def _numbered(kind: str, new: list[str]) -> list[tuple[str, str]]:
    return [(f"{kind}_{number}" if number else kind, name) for number, name in enumerate(new)]


if __name__ == "__main__":
    sys.exit(main())
