"""PyTorch's own files, read without running what is in them.

`weights_only` builds tensors and plain containers alone; published checkpoints also hold numpy numbers (a score, an
epoch), so those are built as well.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO, Any

import torch

from m2l_bench.music2latent.errors import CheckpointError


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
        with torch.serialization.safe_globals(_numpy_scalars()):
            if stream is not None:
                return torch.load(stream, map_location="cpu", weights_only=True)
            return torch.load(file, map_location="cpu", weights_only=True, mmap=lazy and zipfile.is_zipfile(file))
    except Exception as error:  # torch raises many types, some of them bare, on files that are not its own
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CheckpointError(
            f"{file}: cannot be read as a PyTorch checkpoint without running code ({reason})"
        ) from error


def _numpy_scalars() -> list[Any]:
    """Return the functions and types of a pickled numpy number, under the names of numpy 1 and 2."""
    import codecs

    import numpy as np

    scalar = np.float64(0).__reduce__()[0]
    types = [type(np.dtype(kind)) for kind in ("float64", "float32", "int64", "int32", "bool")]
    names = ["numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"]
    return [np.dtype, codecs.encode, *types, *((scalar, name) for name in names)]
