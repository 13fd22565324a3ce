"""Pages of Ogg files (RFC 3533): where the links of a chained file begin."""

from __future__ import annotations

import io
from pathlib import Path

HEADER = 27
"""Bytes of a page's header before its table of segments."""
FIRST_OF_STREAM = 2
"""Flag of the first page of a logical stream."""


def link_offsets(path: Path) -> list[int]:
    """Find the first byte of each link of a chained file; a plain file has one.

    A link begins with a page that is the first of its stream, behind a page that is not. What comes after damage is not
    looked at.
    """
    offsets: list[int] = []
    position, inside = 0, False
    with path.open("rb") as file:
        while len(header := file.read(HEADER)) == HEADER and header[:4] == b"OggS":
            begins = bool(header[5] & FIRST_OF_STREAM)
            if begins and (inside or not offsets):
                offsets.append(position)
            inside = not begins
            segments = file.read(header[26])
            position += HEADER + len(segments) + sum(segments)
            file.seek(position)
    return offsets


class FileFrom(io.RawIOBase):
    """A file on disk as if it began at a later byte."""

    def __init__(self, path: Path, offset: int) -> None:
        self._file = path.open("rb")
        self._offset = offset
        self._file.seek(offset)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        return self._file.readinto(buffer)  # type: ignore[arg-type]

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET:
            position += self._offset
        return self._file.seek(position, whence) - self._offset

    def tell(self) -> int:
        return self._file.tell() - self._offset

    def close(self) -> None:
        self._file.close()
        super().close()
