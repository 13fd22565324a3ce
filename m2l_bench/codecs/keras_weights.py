"""Reading of weights that Keras 2 wrote with `save_weights` to HDF5, for networks of one-dimensional convolutions.

Keras numbers layers by how many its session has created (`conv2d_17`), so their names carry no meaning. Keras assigns
weights by the order of layers in the file, which is the order in which the model runs them, and so does this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2l_bench.errors import UserError
from m2l_bench.text import one_line
from m2l_bench.weights.read import fill, must_exist

MOST_UNPACKED = 100
"""How many times the size of its file an array may have."""

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


def fill_from_keras(module: Module, path: Path, kinds: Mapping[str, str], expected: str) -> None:
    """Copy the file's tensors into `module`, whose layers must be registered in the file's order.

    Args:
        kinds: for the last part of a variable's name in Keras (`kernel`), the last part of the matching parameter's
            name in `module` (`weight`).
        expected: what the file should be, for the message when it is not.

    Raises:
        UserError: the file is missing, damaged or of another network.
    """
    keras_tensors = read_keras(path, expected)
    tensors: dict[str, Tensor] = {}
    for keras_kind, torch_kind in kinds.items():
        parameters = [name for name in module.state_dict() if name.endswith(f".{torch_kind}")]
        variables = [name for name in keras_tensors if _kind(name) == keras_kind]
        for parameter, variable in zip_longest(parameters, variables):
            if variable is not None:
                tensors[parameter or variable] = keras_tensors[variable]
    tensors |= {name: tensor for name, tensor in keras_tensors.items() if _kind(name) not in kinds}
    fill(module, tensors, path, expected)


def read_keras(path: Path, expected: str) -> dict[str, Tensor]:
    """Read tensors by Keras's names of layer and variable, in the file's order, with kernels in PyTorch's order.

    The kernel of a convolution, (1, size, in, out), becomes (out, in, size). That of a transposed convolution,
    (1, size, out, in), becomes (in, out, size).

    Raises:
        UserError: the file is missing, or not a whole file of Keras weights.
    """
    import h5py

    must_exist(path, expected)
    try:
        with h5py.File(path) as file:
            content = _item(file, "model_weights") if "model_weights" in file else file  # where `Model.save` puts them
            layers = {name: _item(content, name) for name in _names(content, "layer_names")}
            return {
                f"{layer}/{name}": _tensor(_item(group, name), path.stat().st_size)
                for layer, group in layers.items()
                for name in _names(group, "weight_names")
            }
    except (OSError, KeyError, AttributeError, TypeError, ValueError) as error:  # h5py raises these on missing parts
        what = f"not a whole file of Keras weights ({one_line(error)})"
        raise UserError(f"{path}: {what}; expected {expected}") from error


def _item(group: Any, name: str) -> Any:
    """Follow a path in the file itself: links could lead to any other file.

    Raises:
        ValueError: a part of it is a link.
    """
    import h5py

    for part in name.split("/"):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"{part} is a link or missing")
        group = group[part]
    return group


def _names(group: Any, attribute: str) -> list[str]:
    return [name.decode() if isinstance(name, bytes) else name for name in group.attrs[attribute]]


def _kind(name: str) -> str:
    """Extract the kind of a variable: `kernel` from `conv2d_17/conv2d_17/kernel:0`."""
    return name.rpartition("/")[2].partition(":")[0]


def _tensor(dataset: Any, file_bytes: int) -> Tensor:
    import torch

    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{dataset.name} lies in other files")
    if dataset.nbytes > MOST_UNPACKED * file_bytes:
        raise ValueError(f"{dataset.name} unpacks to {dataset.nbytes / 1e6:,.0f} MB")
    tensor = torch.from_numpy(dataset[()])
    return tensor[0].permute(2, 1, 0).contiguous() if tensor.ndim == 4 and len(tensor) == 1 else tensor
