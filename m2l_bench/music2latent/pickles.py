"""PyTorch's own files, read without running what is in them.

`weights_only` builds tensors and plain containers alone; published checkpoints also hold numpy numbers (a score, an
epoch), so those are built as well.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO, Any

import torch
import torch.serialization

from m2l_bench.music2latent.errors import CheckpointError
from m2l_bench.music2latent.private_apis import allowed_globals


def read_pickle(file: Path, lazy: bool = False, stream: IO[bytes] | None = None) -> Any:
    """The content of a file of `torch.save`, tensors on the CPU.

    Args:
        lazy: tensors stay on disk until they are copied, so that an optimiser's state costs no memory; not for tensors
            that are kept, whose file must not change. Without effect on files older than PyTorch 1.6 and on a `stream`.
        stream: the content, if it is only a part of `file`.

    Raises:
        CheckpointError: not such a file, cut short, or it holds objects whose making would run code.
    """
    try:
        _check_members(stream or file)
        with torch.serialization.safe_globals(_numpy_scalars()), allowed_globals(_needed):
            if stream is not None:
                return torch.load(stream, map_location="cpu", weights_only=True)
            return torch.load(file, map_location="cpu", weights_only=True, mmap=lazy and zipfile.is_zipfile(file))
    except Exception as error:  # torch raises many types, some of them bare, on files that are not its own
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CheckpointError(
            f"{file}: cannot be read as a PyTorch checkpoint without running code ({reason})"
        ) from error


MOST_UNPACKED = 10
"""How many times its own size a file may unpack to: `torch.save` compresses nothing."""
NEEDED = (
    "collections.OrderedDict",
    "collections.Counter",
    "builtins.set",
    "builtins.complex",
    "torch.Size",
    "torch.device",
    "torch.nn.parameter.Parameter",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3",
)
"""What a checkpoint may call, of all that PyTorch allows. None of these makes more of what it is given."""


def _check_members(file: Path | IO[bytes]) -> None:
    """Check that a zip archive does not unpack to much more than its size.

    Raises:
        ValueError: it does.
    """
    if not zipfile.is_zipfile(file):
        if not isinstance(file, Path):
            file.seek(0)
        return
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        packed, unpacked = sum(m.compress_size for m in members), sum(m.file_size for m in members)
    if not isinstance(file, Path):
        file.seek(0)
    if unpacked > MOST_UNPACKED * packed + 1_000_000:
        raise ValueError(f"it unpacks to {unpacked / 1e6:,.0f} MB from {packed / 1e6:,.0f} MB")


def _needed(callables: dict[str, Any]) -> dict[str, Any]:
    """Keep what checkpoints need, and nothing that takes memory at a number's word.

    PyTorch's reader would also call `bytearray(10**12)`, tensors and storages of any size, and `_codecs.encode` with
    every codec, of which some make a text longer each time.
    """
    types = (torch.dtype, torch.serialization.StorageType)
    needed = {name: value for name, value in callables.items() if name in NEEDED or isinstance(value, types)}
    return needed | {"_codecs.encode": _latin1_bytes}


def _latin1_bytes(text: str, encoding: str = "latin1") -> bytes:
    """Make bytes, which a pickle holds as a text in Latin-1."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"bytes as a text in {encoding}")
    return text.encode("latin1")


def _numpy_scalars() -> list[Any]:
    """Return the functions and types of a pickled numpy number, under the names of numpy 1 and 2."""
    import numpy as np

    scalar = np.float64(0).__reduce__()[0]
    types = [type(np.dtype(kind)) for kind in ("float64", "float32", "int64", "int32", "bool")]
    names = ["numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"]
    return [np.dtype, *types, *((scalar, name) for name in names)]
