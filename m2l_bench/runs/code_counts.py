"""Counts of codes on disk, one small file per clip: how often its codes use each entry of each codebook.

RUNS/<dataset>/<system>/codes/<clip>.npz

A clip's file is written before its row, so each row of a run has the file of its own codes, also after an interruption.
Runs of earlier versions of this package have no such files.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from m2l_bench.errors import UserError
from m2l_bench.runs.files import explain_write_errors, file_name, write_atomically

if TYPE_CHECKING:
    from m2l_bench.metrics.codes import Counts

FOLDER = "codes"


def write_code_counts(run: Path, clip_id: str, counts: Counts) -> None:
    """Write the counts of a clip, (codebooks, entries), compressed and in the smallest type that holds them.

    Raises:
        UserError: the file cannot be written.
    """
    content = io.BytesIO()
    np.savez_compressed(content, counts=counts.astype(np.min_scalar_type(counts.max(initial=0))))
    with explain_write_errors(run):
        (run / FOLDER).mkdir(exist_ok=True)
        write_atomically(code_counts_path(run, clip_id), content.getvalue())


def read_code_counts(run: Path, clip_id: str) -> Counts | None:
    """Read the counts of a clip, (codebooks, entries); None where the run has none of this clip.

    Raises:
        UserError: the file is damaged.
    """
    path = code_counts_path(run, clip_id)
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as content:
            counts: Counts = content["counts"].astype(np.int64)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path}: not readable as counts of codes ({error}); delete it to do without them") from error
    return counts


def code_counts_path(run: Path, clip_id: str) -> Path:
    """Name the file with the counts of a clip."""
    return run / FOLDER / f"{file_name(clip_id)}.npz"
