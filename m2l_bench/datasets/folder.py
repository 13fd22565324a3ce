"""Any directory of audio files, searched recursively."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from m2l_bench.audio import EXTENSIONS
from m2l_bench.datasets.base import Clip, Dataset, loader
from m2l_bench.errors import UserError


def audio_files(folder: Path) -> list[Path]:
    """List the files below `folder` with an audio extension, sorted; hidden ones are left out."""
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in EXTENSIONS and path.is_file())
    return sorted(path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts))


@loader(version="1")
def load(data: Path | None = None) -> Dataset:
    """Load one clip per file. The id is the path below the folder without its extension.

    Files that differ only in the extension (`a.wav`, `a.mp3`) keep it in their ids.

    Raises:
        UserError: no folder was given, it is not there, or it holds no audio file.
    """
    if data is None:
        raise UserError("the task 'folder' needs a directory of audio: --data DIR")
    if not data.is_dir():
        raise UserError(f"{data}: no such folder")
    root = data.resolve()
    paths = audio_files(root)
    if not paths:
        raise UserError(f"{data}: no audio file in it ({' '.join(sorted(EXTENSIONS))})")
    stems = [path.relative_to(root).with_suffix("").as_posix() for path in paths]
    count = Counter(stems)
    ids = [
        path.relative_to(root).as_posix() if count[stem] > 1 else stem for path, stem in zip(paths, stems, strict=True)
    ]
    clips = tuple(Clip(id, path) for id, path in zip(ids, paths, strict=True))
    name = re.sub(r"[^A-Za-z0-9._+-]+", "_", root.name) or "root"
    return Dataset(clips, label=f"folder-{name}", root=str(root))
