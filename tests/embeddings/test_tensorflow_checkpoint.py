"""The reader of TensorFlow checkpoints, on small ones made here; on a real one in `test_musicnn.py`."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from devtools import tensorflow_checkpoint

KERNEL, BIAS = np.arange(300, dtype="<f4").reshape(3, 100), np.arange(2, dtype="<i8")
DATA = KERNEL.tobytes() + BIAS.tobytes()


def varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def message(*fields: tuple[int, int | bytes]) -> bytes:
    content = b""
    for number, value in fields:
        if isinstance(value, int):
            content += varint(number << 3) + varint(value)
        else:
            content += varint(number << 3 | 2) + varint(len(value)) + value
    return content


def shape(*sizes: int) -> bytes:
    return message(*((2, message((1, size))) for size in sizes))


def block(entries: dict[bytes, bytes], compression: int = 0) -> bytes:
    content, last = b"", b""
    for key, value in entries.items():
        shared = 0
        while shared < min(len(key), len(last)) and key[shared] == last[shared]:
            shared += 1
        content += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    return content + struct.pack("<II", 0, 1) + bytes([compression]) + bytes(4)


def index(header: bytes = message((1, 1)), compression: int = 0, **kernel: Any) -> bytes:
    """Index of `dense/bias` and `dense/kernel`; `kernel` replaces fields of the latter."""
    fields = {"dtype": 1, "shape": shape(3, 100), "offset": 0, "size": 1200} | kernel
    numbers = {"dtype": 1, "shape": 2, "offset": 4, "size": 5, "slices": 7}
    entries = {
        b"": header,
        b"dense/bias": message((1, 9), (2, shape(2)), (4, 1200), (5, 16)) + b"\x35" + bytes(4),  # with a checksum
        b"dense/kernel": message(*((numbers[name], value) for name, value in fields.items())),
    }
    tensors = block(entries, compression)
    handles = block({b"z": varint(0) + varint(len(tensors) - 5)})
    footer = varint(0) + varint(0) + varint(len(tensors)) + varint(len(handles) - 5)
    return tensors + handles + footer.ljust(40, b"\0") + struct.pack("<Q", tensorflow_checkpoint.MAGIC)


def test_tensors_come_back() -> None:
    tensors = tensorflow_checkpoint.read(index(), DATA)
    assert list(tensors) == ["dense/bias", "dense/kernel"]
    np.testing.assert_array_equal(tensors["dense/kernel"], KERNEL)
    np.testing.assert_array_equal(tensors["dense/bias"], BIAS)
    assert tensors["dense/bias"].dtype == np.int64


def test_a_number_has_no_dimensions() -> None:
    number = tensorflow_checkpoint.read(index(shape=b"", size=4, offset=8), DATA)["dense/kernel"]
    assert number.shape == () and number == 2


@pytest.mark.parametrize(
    "damaged, data, reason",
    [
        (b"", DATA, "not a TensorFlow checkpoint"),
        (index()[:-1], DATA, "cut short"),
        (bytes(20) + index()[20:], DATA, "wire type 4 in the index is not supported"),
        (index()[20:], DATA, "the index is damaged"),
        (index(compression=1), DATA, "a compressed index is not supported"),
        (index(header=message((1, 2))), DATA, "in 2 files; only one is supported"),
        (index(header=message((1, 1), (2, 1))), DATA, "big-endian"),
        (index(slices=b""), DATA, "dense/kernel: saved in slices"),
        (index(dtype=7), DATA, "dense/kernel: data type 7 is not supported"),
        (index(size=1196), DATA, r"dense/kernel: 1196 bytes for shape \(3, 100\) of float32"),
        (index(shape=1200), DATA, "damaged"),
        (index(), DATA[:-1], "dense/bias: ends at byte 1216 of a data file of 1215"),
    ],
)
def test_what_cannot_be_read_says_why(damaged: bytes, data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        tensorflow_checkpoint.read(damaged, data)
