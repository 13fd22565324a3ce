"""Checkpoints as PyTorch before 1.6 wrote them under Python 2."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch


def write_python2_checkpoint(path: Path, content: Any, integers: Sequence[int], text: str = "") -> Path:
    """Save `content` in the old format, with each of `integers`, of more than 32 bits, as decimal text.

    Args:
        text: what to write in place of each of the integers; empty: the integer.

    Returns:
        `path`.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=False)
    saved = buffer.getvalue()
    for integer in integers:
        binary = integer.to_bytes(integer.bit_length() // 8 + 1, "little", signed=True)
        opcode = b"\x8a" + bytes([len(binary)]) + binary
        assert saved.count(opcode) == 1
        saved = saved.replace(opcode, b"I" + (text or str(integer)).encode() + b"\n")
    path.write_bytes(saved)
    return path
