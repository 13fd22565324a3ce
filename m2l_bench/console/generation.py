"""Output of `generate`, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from m2l_bench.console.terminal import table

if TYPE_CHECKING:
    from m2l_bench.generation.evaluation import Row
    from m2l_bench.generation.pipeline import Results

READING = (
    "How to read it: compare `samples` with the other sets of the same system. `corpus` is what a perfect generator "
    "would give, and `codec` is the held-out music after coding. A generator that learns no order of frames gives "
    "`shuffled frames`; one that learns nothing gives `random latents`.",
    "Losses are comparable between budgets of one system, and not between systems: latents differ in width, rate and "
    "noise. With few clips, compare KAD and not FAD, which depends on the number of clips.",
)


def print_generation(console: Console, rows: Sequence[Row], embeddings: Sequence[str]) -> None:
    """Print a table for each system and embedding, and how to read it."""
    for system in dict.fromkeys(row.system for row in rows):
        own = [row for row in rows if row.system == system]
        for line in _training_lines(own):
            console.print(f"{system}: {line}", markup=False, soft_wrap=True)
        for embedding in embeddings:
            head = [embedding, "KAD ↓", "FAD ↓", "density", "coverage"]
            console.print(table("", head, [_cells(row, embedding) for row in own]))
    for text in READING if rows else ():
        console.print(text, markup=False)


def generation_json(results: Results) -> dict[str, Any]:
    """Make the JSON output of `generate`."""
    return {
        "rows": [row.as_dict() for row in results.rows],
        "notes": results.notes,
        "failed": results.failed,
        "losses_comparable": "between budgets of one system, not between systems",
    }


def _training_lines(rows: Sequence[Row]) -> list[str]:
    """Say what the trainings of a system gave."""
    return [
        f"seed {row.seed}: validation loss {row.validation_loss:.4f} after {row.steps:,} steps "
        f"({row.training_seconds:,.0f} s, {(row.parameters or 0) / 1e6:.1f} M parameters)"
        for row in rows
        if row.seed is not None
    ]


def _cells(row: Row, embedding: str) -> list[str]:
    name = row.set if row.seed is None else f"{row.set}, seed {row.seed}"
    distances = [_with_interval(row, f"{figure}_{embedding}") for figure in ("kad", "fad")]
    shares = [row.figures.get(f"{figure}_{embedding}") for figure in ("density", "coverage")]
    return [name, *distances, *("" if share is None else f"{share:.2f}" for share in shares)]


def _with_interval(row: Row, name: str) -> str:
    """Write a figure with its 95 % interval."""
    value, low, high = (row.figures.get(name + end) for end in ("", "_low", "_high"))
    if value is None:
        return ""
    return f"{value:.3g}" + ("" if low is None or high is None else f" ({low:.3g}, {high:.3g})")
