"""Checkpoints that PyTorch before 1.6 wrote under Python 2, made readable for PyTorch's safe reader.

Such a file holds five pickles, and then the numbers of its tensors. Python 2 wrote integers beyond 32 bits, such as the
keys of an optimiser's state, as decimal text, which `torch.load(weights_only=True)` does not know. Here the text is
replaced by the same integer in binary of the same length. The pickles are only taken apart, so nothing in them runs,
and the safe reader still decides what may be built.
"""

from __future__ import annotations

import io
import pickletools
from pathlib import Path
from typing import IO

LARGEST_HEAD = 16_000_000
"""Bytes that the pickles may take. They hold names, shapes and integers, and no tensor."""
LARGEST_FILE = 4 * 10**9
"""Bytes of a file that is read into memory."""
PICKLES = 5
"""Magic number, version of the protocol, sizes of integers, content, keys of the tensors' numbers."""
LONG1 = b"\x8a"
"""Opcode of an integer in binary: the number of bytes follows, and then the bytes, little-endian."""


def with_binary_integers(path: Path, stream: IO[bytes] | None = None) -> IO[bytes] | None:
    """Replace integers written as text in the checkpoint at `path`.

    Args:
        stream: the content, if it is only a part of the file.

    Returns:
        The content with binary integers; `stream` where there is nothing to replace.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is too large to be read into memory.
    """
    with path.open("rb") as file:
        source = stream or file
        replacements = _replacements(source.read(LARGEST_HEAD))
        source.seek(0)
        if not replacements:
            return stream
        content = bytearray(source.read(LARGEST_FILE + 1))
    if len(content) > LARGEST_FILE:
        raise ValueError(f"larger than {LARGEST_FILE:,} bytes")
    for position, integer in replacements:
        content[position : position + len(integer)] = integer
    return io.BytesIO(content)


def _replacements(head: bytes) -> list[tuple[int, bytes]]:
    """Find the integers written as text, each with its position and the opcode that replaces it.

    There are none in what is not five pickles, which the safe reader refuses in words of its own.
    """
    pickles = io.BytesIO(head)
    replacements = []
    try:
        for _ in range(PICKLES):
            for opcode, value, position in pickletools.genops(pickles):
                # The texts `00` and `01` stand for booleans.
                if opcode.name == "INT" and type(value) is int and position is not None:
                    # A decimal digit is less than a byte, so the bytes between opcode and end hold length and value.
                    size = pickles.tell() - position - 2
                    integer = value.to_bytes(size, "little", signed=True)
                    replacements.append((position, LONG1 + bytes([size]) + integer))
    except ValueError:  # also of an integer of more than 255 digits
        return []
    return replacements
