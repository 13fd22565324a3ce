"""Words that several messages and notes share."""

from __future__ import annotations

from collections.abc import Sequence


def first_of(items: Sequence[str], most: int = 3, separator: str = ", ") -> str:
    """The first few items, and how many more there are."""
    left = len(items) - most
    return separator.join(items[:most]) + (f" and {left} more" if left > 0 else "")
