"""Any directory of audio files, searched recursively."""

from __future__ import annotations

import re
from pathlib import Path

from m2l_bench.audio.listing import clip_ids, list_audio
from m2l_bench.audio.reading import EXTENSIONS
from m2l_bench.datasets.base import Clip, Dataset, loader
from m2l_bench.errors import UserError
from m2l_bench.text import escape_name


@loader(version="2")
def load(data: Path | None = None) -> Dataset:
    """Load one clip per file. The id is the path below the folder without its extension: see `clip_ids`.

    Raises:
        UserError: no folder was given, it is not there, or it holds no audio file.
    """
    if data is None:
        raise UserError("the task 'folder' needs a directory of audio: --data DIR")
    if not data.is_dir():
        raise UserError(f"{data}: no such folder")
    root = data.resolve()
    listing = list_audio(root)
    if not listing.files:
        raise UserError(
            f"{data}: no audio file in it ({' '.join(sorted(EXTENSIONS))})" + "".join(f"; {n}" for n in listing.notes)
        )
    ids = clip_ids(root, listing.files)
    name = re.sub(r"[^A-Za-z0-9._+-]+", "_", root.name) or "root"
    return Dataset(
        tuple(Clip(id, path) for id, path in zip(ids, listing.files, strict=True)),
        label=f"folder-{name}",
        root=escape_name(str(root)),
        missing=tuple(clip_ids(root, list(listing.unusable))),
        notes=tuple(listing.notes),
    )
