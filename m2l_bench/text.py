"""Words that messages and notes share."""

from __future__ import annotations

from collections.abc import Sequence


def one_line(error: BaseException) -> str:
    """Put an error's text on a single line; the name of its type where it has no text."""
    return " ".join(str(error).split()) or type(error).__name__


def first_of(items: Sequence[str], most: int = 3, separator: str = ", ") -> str:
    """Name the first few items, and say how many more there are."""
    left = len(items) - most
    return separator.join(items[:most]) + (f" and {left} more" if left > 0 else "")
