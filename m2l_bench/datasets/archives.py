"""Safe unpacking of archives: no member leaves the folder, sizes are limited, and no file is left incomplete.

The formats are zip, also split into parts (`mp3.zip.001`, `.002`, ...), and tar with any compression that Python's
tarfile supports. All members are checked before the first one is written.
"""

from __future__ import annotations

import io
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import IO, Any

from m2l_bench.errors import UserError
from m2l_bench.music2latent.files import whole_or_absent
from m2l_bench.text import one_line

BLOCK = 1 << 20
"""Bytes that are copied at once."""
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError, ValueError)
"""What Python's readers raise on a damaged, encrypted or unknown archive."""


@dataclass(frozen=True)
class Limits:
    """The most that an archive may unpack to. The largest one that this package fetches has 26,000 files in 3 GB."""

    files: int = 100_000
    gigabytes: float = 30.0


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    kind: str
    """`file`, `folder`, `link` or `device`."""
    open: Callable[[], IO[bytes] | None]


def extract(
    parts: Sequence[Path], folder: Path, limits: Limits = Limits(), on_file: Callable[[], None] = lambda: None
) -> int:
    """Unpack an archive into `folder`, which may hold other files already.

    A file that is already there in its full size is kept, so a second call continues where the first was interrupted.
    Files that macOS adds (`__MACOSX`, `._*`, `.DS_Store`) are left out.

    Args:
        parts: the files whose joined bytes are the archive; nearly always one.
        on_file: called after each file.

    Returns:
        The number of files in the archive.

    Raises:
        UserError: a member would leave the folder, or is a link or a device; the archive is larger than the limits or
            the disk allow (in these cases nothing was written); the archive is broken; or a file cannot be written.
    """
    archive = parts[0]
    try:
        with _members(parts) as members:
            files = total = 0
            for member in members:
                _target(archive, folder, member)
                files, total = files + (member.kind == "file"), total + member.size
                if files > limits.files or total > limits.gigabytes * 1e9:
                    raise UserError(
                        f"{archive}: unpacks to more than {limits.files} files or {limits.gigabytes:g} GB; not unpacked"
                    )
        _require_space(archive, folder, total)
        with _members(parts) as members:
            for member in members:
                target = _target(archive, folder, member)
                if member.kind == "file" and target is not None:
                    _write(member, target)
                    on_file()
    except BROKEN as error:
        raise UserError(f"{archive}: broken archive ({one_line(error)}); delete it and fetch it again") from error
    return files


def _target(archive: Path, folder: Path, member: _Member) -> Path | None:
    """Compute the path of a member below `folder`; None if the member is left out.

    Raises:
        UserError: the member would leave the folder, or is a link or a device.
    """
    path = PurePosixPath(member.name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", member.name):
        raise UserError(f"{archive}: its member '{member.name}' would leave the folder; nothing was unpacked")
    if member.kind not in ("file", "folder"):
        raise UserError(f"{archive}: its member '{member.name}' is a {member.kind}; nothing was unpacked")
    if not path.parts or path.parts[0] == "__MACOSX" or path.name.startswith("._") or path.name == ".DS_Store":
        return None
    return folder / path


def _write(member: _Member, target: Path) -> None:
    if target.is_file() and target.stat().st_size == member.size:
        return
    source = member.open()
    if source is None:
        raise ValueError(f"'{member.name}' has no content")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{target}: cannot write there ({error.strerror})") from error
    with source, whole_or_absent(target) as part:
        try:
            file = part.open("wb")
        except OSError as error:
            raise UserError(f"{target}: cannot write there ({error.strerror})") from error
        with file:
            while block := source.read(BLOCK):
                try:
                    file.write(block)
                except OSError as error:
                    raise UserError(f"{target}: cannot write there ({error.strerror})") from error


def _require_space(archive: Path, folder: Path, total: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if total > free:
        raise UserError(f"{archive}: unpacks to {total / 1e9:.1f} GB, {folder} has {free / 1e9:.1f} GB free")


@contextmanager
def _members(parts: Sequence[Path]) -> Iterator[Iterator[_Member]]:
    with io.BufferedReader(_Joined(parts), BLOCK) as file:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as zipped:
                yield (_zip_member(zipped, info) for info in zipped.infolist())
        else:
            file.seek(0)
            with tarfile.open(fileobj=file) as tar:
                yield _tar_members(tar)


def _zip_member(zipped: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    kind = "folder" if info.is_dir() else "link" if stat.S_ISLNK(info.external_attr >> 16) else "file"
    return _Member(info.filename, info.file_size, kind, lambda: zipped.open(info))


def _tar_members(tar: tarfile.TarFile) -> Iterator[_Member]:
    for info in tar:
        yield _tar_member(tar, info)
    # tarfile takes damage between members for the end of the archive. Reading on to the real end checks the checksum of
    # the compression, which is there.
    while tar.fileobj is not None and tar.fileobj.read(BLOCK):
        pass


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> _Member:
    kinds = (("file", info.isfile()), ("folder", info.isdir()), ("link", info.issym() or info.islnk()))
    kind = next((kind for kind, is_kind in kinds if is_kind), "device")
    return _Member(info.name, info.size, kind, lambda: tar.extractfile(info))


class _Joined(io.RawIOBase):
    """Several files that are read as one, without a joined copy."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.files = [path.open("rb") for path in paths]
        self.starts = [0, *accumulate(path.stat().st_size for path in paths)]
        self.position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.starts[-1]}[whence]
        self.position = max(0, base + offset)
        return self.position

    def readinto(self, buffer: Any) -> int:
        i = bisect_right(self.starts, self.position) - 1
        if i >= len(self.files):
            return 0
        self.files[i].seek(self.position - self.starts[i])
        count = self.files[i].readinto(memoryview(buffer)[: self.starts[i + 1] - self.position])
        self.position += count
        return count

    def close(self) -> None:
        for file in self.files:
            file.close()
        super().close()
