"""Words that messages and notes share."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any


def one_line(error: BaseException) -> str:
    """Put an error's text on a single line; the name of its type where it has no text."""
    return " ".join(str(error).split()) or type(error).__name__


def counted(count: int, noun: str) -> str:
    """Write a number with its noun: "1 clip", "2,000 clips"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def p_text(p: float) -> str:
    """Write a p value with three decimals, halves upwards as browsers round: "0.038", "< 0.001"; empty for NaN."""
    if p != p:
        return ""
    return "< 0.001" if p < 0.001 else str(Decimal(p).quantize(Decimal("0.001"), ROUND_HALF_UP))


def fixed(value: float, decimals: int) -> str:
    """Format a number with a fixed number of decimals, such as "3.84", "0.00" (and never "-0.00") or "∞"."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{round(value, decimals) + 0.0:.{decimals}f}"  # the sum makes zero of minus zero


def split_names(text: str) -> list[str]:
    """Split the value of an option at its commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def first_of(items: Sequence[str], most: int = 3, separator: str = ", ") -> str:
    """Name the first few items, and say how many more there are."""
    left = len(items) - most
    return separator.join(items[:most]) + (f" and {left} more" if left > 0 else "")


FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""Beginning of a text that a spreadsheet would compute, behind the apostrophes that `spreadsheet_text` puts there."""


def spreadsheet_text(value: Any) -> Any:
    """Put an apostrophe before a text that spreadsheets would take for a formula. `spreadsheet_value` undoes it.

    Numbers stay as they are, also as texts.
    """
    if not isinstance(value, str) or not FORMULA.match(value):
        return value
    try:
        float(value)
    except ValueError:
        return "'" + value
    return value


def spreadsheet_value(value: Any) -> Any:
    """Undo `spreadsheet_text`."""
    return value[1:] if isinstance(value, str) and value.startswith("'") and FORMULA.match(value) else value


ESCAPED_BYTE = re.compile(r"\\x[89a-f][0-9a-f]")


def escape_name(name: str) -> str:
    """Make a file name of any bytes printable: what is not UTF-8 becomes `\\xHH`. `unescape_name` undoes it."""
    if name.isascii() and "\\" not in name:  # nearly every name, and there may be millions
        return name
    printable = not any("\udc80" <= character <= "\udcff" for character in name)
    if printable and not ESCAPED_BYTE.search(name):
        return name
    return name.replace("\\", "\\\\").encode(errors="surrogateescape").decode(errors="backslashreplace")


def unescape_name(name: str) -> str:
    """Undo `escape_name`."""

    def original(match: re.Match[str]) -> str:
        text = match.group()
        return "\\" if text == "\\\\" else bytes([int(text[2:], 16)]).decode(errors="surrogateescape")

    return re.sub(rf"\\\\|{ESCAPED_BYTE.pattern}", original, name) if ESCAPED_BYTE.search(name) else name
