"""Groups of items that a network takes in one batch."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

WAITING_LENGTHS = 4
"""Different lengths of which a GPU's items wait for others of equal length; it bounds the memory of those that wait."""


def pack(
    items: Iterable[Item],
    length: Callable[[Item], Hashable],
    size: Callable[[Item], int],
    largest: Callable[[], int],
    waiting_lengths: int,
) -> Iterator[list[Item]]:
    """Group items of equal length. A group is given as soon as it is full, and the rest at the end.

    Args:
        length: returns what must be equal in a group.
        size: returns the number of places in a batch that an item takes.
        largest: returns the places in a batch, which may shrink; an item that takes more is a group of its own.
        waiting_lengths: number of groups that may be unfinished at the same time; with 1, only neighbours are grouped.
    """
    waiting: dict[Hashable, list[Item]] = {}
    for item in items:
        key = length(item)
        if key in waiting and sum(map(size, waiting[key])) + size(item) > largest():
            yield waiting.pop(key)
        elif key not in waiting and len(waiting) == waiting_lengths:
            yield waiting.pop(next(iter(waiting)))
        group = waiting.setdefault(key, [])
        group.append(item)
        if sum(map(size, group)) >= largest():
            yield waiting.pop(key)
    yield from waiting.values()
