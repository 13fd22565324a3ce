"""Vectors of clips on disk, one `.npy` file per clip: written whole or not at all, read one at a time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np

from m2l_bench.errors import UserError
from m2l_bench.metrics.frechet import Frames
from m2l_bench.runs.files import explain_write_errors, write_atomically


def write_vectors(path: Path, frames: Frames) -> None:
    """Write the vectors of a clip, (frames, dim).

    Raises:
        UserError: the file cannot be written.
    """
    content = io.BytesIO()
    np.save(content, frames, allow_pickle=False)
    with explain_write_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content.getvalue())


def read_vectors(path: Path) -> Frames:
    """Read the vectors of a clip, (frames, dim).

    Raises:
        UserError: the file is missing, damaged, or does not hold finite vectors.
    """
    try:
        frames: Frames = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: not readable as vectors ({error}); delete it to have them computed again") from error
    if frames.ndim != 2 or not np.isfinite(frames).all():
        raise UserError(f"{path}: not finite vectors of shape (frames, dim); delete it to have them computed again")
    return frames


class StoredClips(Sequence[Frames]):
    """Vectors of clips, read from their files when they are indexed."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> Frames: ...
    @overload
    def __getitem__(self, index: slice) -> StoredClips: ...
    def __getitem__(self, index: int | slice) -> Frames | StoredClips:
        if isinstance(index, slice):
            return StoredClips(self.paths[index])
        return read_vectors(self.paths[index])
