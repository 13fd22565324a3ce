"""A small drawing of a training's loss, as SVG, for a model card."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 40
"""Margins around the axes."""
MOST_POINTS = 400


def loss_curve(rows: Sequence[dict[str, Any]]) -> str:
    """Draw the loss over the iterations, on a logarithmic scale; empty where fewer than two losses were logged.

    Args:
        rows: rows of `log.jsonl`; those without a loss above 0 are passed over.
    """
    losses = [(row["iteration"], row["loss"]) for row in rows if row.get("loss", 0.0) > 0]
    if len(losses) < 2:
        return ""
    points = losses[:: -(-len(losses) // MOST_POINTS)]
    if points[-1] != losses[-1]:
        points.append(losses[-1])
    last = points[-1][0]
    low, high = min(loss for _, loss in points), max(loss for _, loss in points)
    span = math.log(high / low) or 1.0
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    line = " ".join(
        f"{LEFT + across * iteration / last:.1f},{TOP + down * math.log(high / loss) / span:.1f}"
        for iteration, loss in points
    )
    labels = [
        (LEFT - 8, TOP + 4, "end", f"{high:.3g}"),
        (LEFT - 8, TOP + down + 4, "end", f"{low:.3g}"),
        (LEFT, HEIGHT - 22, "middle", "0"),
        (LEFT + across, HEIGHT - 22, "end", f"{last:,}"),
        (LEFT + across // 2, HEIGHT - 6, "middle", "iteration; loss on a logarithmic scale"),
    ]
    texts = "".join(f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>' for x, y, anchor, text in labels)
    axes = f"M{LEFT},{TOP} V{TOP + down} H{LEFT + across}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
        f'<path d="{axes}" fill="none" stroke="#888"/>'
        f'<polyline points="{line}" fill="none" stroke="#0072b2" stroke-width="1.5"/>{texts}</svg>\n'
    )
