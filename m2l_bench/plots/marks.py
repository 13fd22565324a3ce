"""A system's marker as a shape that a browser draws: the same shape as in the figures."""

from __future__ import annotations

from m2l_bench.plots.looks import Look

LETTERS = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}
"""Commands of an SVG path by matplotlib's codes."""
RADIUS = 10


def svg_path(look: Look) -> str:
    """Write the marker as the `d` of an SVG path within -10 to 10 in both directions."""
    from matplotlib.markers import MarkerStyle

    marker = MarkerStyle(look.marker)
    path = marker.get_path().transformed(marker.get_transform())
    scale = RADIUS / abs(path.get_extents().get_points()).max()
    parts = []
    for points, code in path.iter_segments(simplify=False, curves=True):
        numbers = (scale * points.reshape(-1, 2) * (1, -1)).round(2) + 0.0  # the sum makes zero of minus zero
        parts.append(LETTERS[int(code)] + ("" if code == 79 else " ".join(f"{x:g},{y:g}" for x, y in numbers)))
    return "".join(parts)
