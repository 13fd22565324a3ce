"""Read the tensors of a TensorFlow checkpoint (version 2, a "tensor bundle") with numpy alone.

`.index` is a table in the format of LevelDB: sorted keys, the tensors' names, with values that are protocol buffers
(`BundleEntryProto` in tensorflow/core/protobuf/tensor_bundle.proto; doc/table_format.md of LevelDB for the table). They
say where in `.data-00000-of-00001` the numbers of a tensor lie.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

MAGIC = 0xDB4775248B80FB57
FOOTER = 48
"""Bytes at the end of a table: two handles, padding, the magic number."""
DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8"}
"""Numbers of tensorflow/core/framework/types.proto."""
Value = int | bytes


def read(index: bytes, data: bytes) -> dict[str, NDArray[np.generic]]:
    """All tensors by name; those arrays share the memory of `data`.

    Args:
        index, data: what the two files hold.

    Raises:
        ValueError: not such a checkpoint, cut short, or a form of it that this reader does not know.
    """
    if len(index) < FOOTER or index[-8:] != struct.pack("<Q", MAGIC):
        raise ValueError("the index is not a TensorFlow checkpoint's of version 2, or is cut short")
    try:
        entries = dict(_table(index))
        header = dict(_fields(entries.pop(b"")))
        if header.get(1, 1) != 1:
            raise ValueError(f"the tensors lie in {header[1]!r} files; only one is supported")
        if header.get(2, 0) != 0:
            raise ValueError("big-endian tensors are not supported")
        return {name.decode(): _tensor(name.decode(), entry, data) for name, entry in entries.items()}
    except (IndexError, KeyError, TypeError, struct.error) as error:
        raise ValueError(f"the index is damaged ({error!r})") from error


def _table(index: bytes) -> Iterator[tuple[bytes, bytes]]:
    footer = index[-FOOTER:]
    _, position = _handle(footer, 0)  # of a block with properties of the table
    (offset, size), _ = _handle(footer, position)
    for _, value in _block(index, offset, size):  # a block of handles to the blocks of entries
        yield from _block(index, *_handle(value, 0)[0])


def _block(index: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values; a key is written as how much it shares with the one before, and the rest."""
    if index[offset + size] != 0:
        raise ValueError("a compressed index is not supported")
    block = index[offset : offset + size]
    (restarts,) = struct.unpack("<I", block[-4:])
    position, key = 0, b""
    while position < size - 4 - 4 * restarts:
        shared, position = _varint(block, position)
        unshared, position = _varint(block, position)
        length, position = _varint(block, position)
        key = key[:shared] + block[position : position + unshared]
        position += unshared
        yield key, block[position : position + length]
        position += length


def _handle(content: bytes, position: int) -> tuple[tuple[int, int], int]:
    """Offset and size of a block; and the position behind the two."""
    offset, position = _varint(content, position)
    size, position = _varint(content, position)
    return (offset, size), position


def _tensor(name: str, entry: bytes, data: bytes) -> NDArray[np.generic]:
    fields = dict(_fields(entry))
    if 7 in fields:
        raise ValueError(f"{name}: saved in slices, which is not supported")
    if fields.get(1) not in DTYPES:
        raise ValueError(f"{name}: data type {fields.get(1)!r} is not supported")
    dtype = np.dtype(DTYPES[_int(fields[1])])
    offset, size = _int(fields.get(4, 0)), _int(fields.get(5, 0))
    dimensions = [dict(_fields(_bytes(value))) for number, value in _fields(_bytes(fields.get(2, b""))) if number == 2]
    shape = [_int(dimension.get(1, 0)) for dimension in dimensions]
    count = int(np.prod(shape, dtype=np.int64))
    if size != count * dtype.itemsize:
        raise ValueError(f"{name}: {size} bytes for shape {tuple(shape)} of {dtype}")
    if offset + size > len(data):
        raise ValueError(f"{name}: ends at byte {offset + size} of a data file of {len(data)}")
    return np.frombuffer(data, dtype, count, offset).reshape(shape)


def _fields(message: bytes) -> Iterator[tuple[int, Value]]:
    """Field numbers and values of a protocol buffer."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        value: Value
        if tag & 7 == 0:
            value, position = _varint(message, position)
        elif tag & 7 == 2:
            length, position = _varint(message, position)
            value, position = message[position : position + length], position + length
        elif tag & 7 == 5:  # the checksum: the wheel's own covers the file
            (value,) = struct.unpack_from("<I", message, position)
            position += 4
        else:
            raise ValueError(f"wire type {tag & 7} in the index is not supported")
        yield tag >> 3, value


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """A number in groups of seven bits, lowest first; and the position behind it."""
    number = shift = 0
    while True:
        byte = content[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7


def _int(value: Value) -> int:
    if not isinstance(value, int):
        raise TypeError(f"a number expected, got {value!r}")
    return value


def _bytes(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"bytes expected, got {value!r}")
    return value
