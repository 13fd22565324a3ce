"""Checksums of files."""

from __future__ import annotations

import hashlib
from pathlib import Path


def file_checksum(path: Path, algorithm: str = "sha256") -> str:
    """Return a file's checksum in hexadecimal; the file is read in blocks."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
