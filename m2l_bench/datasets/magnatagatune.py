"""MagnaTagATune (Law et al. 2009): 29-second clips with the 50 most frequent tags, in the splits of Won et al. 2020.

The layout on disk is that of mir_ref: `metadata/` with `annotations_final.csv` (tab-separated, one column per tag) and
the arrays `train.npy`, `valid.npy`, `test.npy` (strings `<number>\\t<path>`) and `tags.npy` of
github.com/minzwon/sota-music-tagging-models; and `audio/` with the folders 0 to f. The dataset's folder itself may take
the place of either. The arrays hold plain strings, so they are read without pickle.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from m2l_bench.datasets.base import loader
from m2l_bench.datasets.labelled import LabelledDataset, Listed, Split, assemble, read_rows
from m2l_bench.datasets.places import existing_folder
from m2l_bench.errors import UserError

ANNOTATIONS = "annotations_final.csv"
ARRAYS: dict[Split, str] = {"train": "train.npy", "validation": "valid.npy", "test": "test.npy"}
CORRUPT = frozenset(("35644", "55753", "57881"))
"""Clips whose published files are empty."""


@loader(version="1")
def load(data: Path | None = None, *, name: str = "magnatagatune") -> LabelledDataset:
    """Load the clips of the three arrays with those of the 50 tags that they have; the id is the clip's number.

    Args:
        name: `magnatagatune`, or `mini-magnatagatune` for the rendered set in the same layout.

    Raises:
        UserError: a file of the metadata is not there or not in the expected form.
    """
    root = existing_folder(name, data)
    metadata = root / "metadata" if (root / "metadata").is_dir() else root
    audio = root / "audio" if (root / "audio").is_dir() else root
    tags = read_texts(metadata / "tags.npy")
    rows = read_rows(metadata / ANNOTATIONS, ("clip_id", "mp3_path", *tags), delimiter="\t")
    by_path = {row["mp3_path"]: row for row in rows}
    listed: list[Listed] = []
    unlabelled: list[str] = []
    splits: dict[str, Split] = {}
    for split, array in ARRAYS.items():
        for text in read_texts(metadata / array):
            path = text.partition("\t")[2]
            row = by_path.get(path)
            if row is not None and row["clip_id"] in CORRUPT:
                continue
            labels = () if row is None else tuple(tag for tag in tags if row[tag] == "1")
            if row is None or not labels:
                unlabelled.append(path)
                continue
            listed.append(Listed(row["clip_id"], audio / path, labels))
            splits[row["clip_id"]] = split
    return assemble(name, root, listed, tags, splits=splits, multilabel=True, unlabelled=unlabelled)


def read_texts(path: Path) -> list[str]:
    """Read the strings of a one-dimensional array in a .npy file, without pickle.

    Raises:
        UserError: the file is missing, or holds something else.
    """
    try:
        array: Any = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or "not an array of plain strings"
        raise UserError(f"{path}: cannot be read ({reason})") from error
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype.kind != "U":
        raise UserError(f"{path}: not a one-dimensional array of strings")
    return [str(text) for text in array]
