"""The one place where a folder becomes a list of audio files, and of what was passed over."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from m2l_bench.audio import ffmpeg
from m2l_bench.audio.reading import EXTENSIONS, can_decode
from m2l_bench.text import escape_name, first_of


@dataclass
class Listing:
    """Audio files below a folder."""

    files: list[Path] = field(default_factory=list)
    """Sorted by name."""
    unusable: dict[Path, str] = field(default_factory=dict)
    """Files that are named like audio but are none, and why."""
    other: Counter[str] = field(default_factory=Counter)
    """How many files have an extension that is not read here."""

    @property
    def notes(self) -> list[str]:
        """What a person must know of files that were passed over."""
        notes = []
        if self.other:
            counts = first_of([f"{count} {extension}" for extension, count in self.other.most_common()], 8)
            help = ": install ffmpeg to read them" if self.other.keys() & ffmpeg.EXTENSIONS else ""
            notes.append(f"passed over, not read here: {counts}{help}")
        if self.unusable:
            files = first_of([f"{escape_name(path.name)!r}: {reason}" for path, reason in self.unusable.items()])
            notes.append(f"not usable: {files}")
        return notes


def list_audio(folder: Path) -> Listing:
    """List audio files below a folder, through symbolic links, which may form loops.

    Hidden files and folders, and the `._` files of macOS, count nowhere.
    """
    listing = Listing()
    for path in _files(folder, frozenset()):
        extension = path.suffix.lower()
        if extension not in EXTENSIONS and extension not in ffmpeg.EXTENSIONS:
            continue
        if not can_decode(extension):
            listing.other[extension] += 1
        elif problem := _problem(path):
            listing.unusable[path] = problem
        else:
            listing.files.append(path)
    listing.files.sort()
    return listing


def clip_ids(folder: Path, files: list[Path]) -> list[str]:
    """Name each file by its path below the folder, without extension.

    Names are in Unicode's composed form, so that a folder which went through macOS has the same ids; bytes that are not
    UTF-8 are escaped. Files whose names would be equal keep their extension, and their form.
    """
    paths = [path.relative_to(folder) for path in files]
    short = [clip_id(path.with_suffix("")) for path in paths]
    counts = Counter(short)
    whole = [clip_id(path) if counts[id] > 1 else id for path, id in zip(paths, short, strict=True)]
    counts = Counter(whole)
    return [escape_name(path.as_posix()) if counts[id] > 1 else id for path, id in zip(paths, whole, strict=True)]


def clip_id(path: PurePath) -> str:
    """Name a path below a folder: in composed form, with bytes that are not UTF-8 escaped."""
    return unicodedata.normalize("NFC", escape_name(path.as_posix()))


def _files(folder: Path, parents: frozenset[tuple[int, int]]) -> Iterator[Path]:
    """Everything below a folder that is not hidden; a folder inside itself, by a link, is not entered again."""
    try:
        status = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    identity = (status.st_dev, status.st_ino)
    if identity in parents:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        try:
            is_folder = entry.is_dir()
        except OSError:
            is_folder = False
        if is_folder:
            yield from _files(folder / entry.name, parents | {identity})
        else:
            yield folder / entry.name


def _problem(path: Path) -> str:
    """Why a path cannot be opened as a file; empty if it can."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return "a link to nothing" if path.is_symlink() else "not readable"
    if not stat.S_ISREG(mode):
        return "not a regular file"
    return "" if os.access(path, os.R_OK) else "no permission to read it"
