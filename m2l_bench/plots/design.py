"""The design that figures, the listening page and the report share: colours, sizes of type, maps of spectrograms.

`css` writes it for a browser; `plots.style` sets matplotlib by it. Colours of systems are in `plots.looks`.
"""

from __future__ import annotations

LIGHT = {
    "paper": "#fdfcfa",
    "raised": "#ffffff",
    "shade": "#f3f2ee",
    "ink": "#1d2328",
    "soft": "#5b656e",
    "line": "#d9dcdf",
    "accent": "#0a6072",
    "on-accent": "#ffffff",
    "tint": "#e2eff1",
    "bad": "#a3182e",
    "better": "#d5e8f5",
    "better-ink": "#0b4a78",
    "worse": "#fbe3cf",
    "worse-ink": "#7d3c07",
}
"""Colours on light ground, by what they are for; figures are always on light ground."""
DARK = {
    "paper": "#14181b",
    "raised": "#1d2327",
    "shade": "#1d2327",
    "ink": "#e6e9eb",
    "soft": "#a3adb5",
    "line": "#353d43",
    "accent": "#6fc7d8",
    "on-accent": "#0c1a1e",
    "tint": "#1c3238",
    "bad": "#ff8f9c",
    "better": "#123a55",
    "better-ink": "#b4dcf7",
    "worse": "#4e2d12",
    "worse-ink": "#fbd2ac",
}
"""The same on dark ground."""
TYPE = {"tiny": 0.75, "small": 0.875, "text": 1.0, "large": 1.25, "title": 1.75}
"""Sizes of type, as multiples of that of running text."""
FONTS = 'system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif'
LEVELS, DIFFERENCES = "magma", "PuOr_r"
"""Colour maps of spectrograms, and of what is too loud (orange) or too soft (purple) in them."""
DIFFERENCE_DB = 20.0
"""Largest difference of levels (dB) with a colour of its own."""


def css() -> str:
    """Write the design as custom properties, such as `var(--ink)` and `var(--small)`; paper is always light."""
    sizes = {name: f"{size:g}rem" for name, size in TYPE.items()}
    body = f"{_properties(LIGHT | sizes)} color-scheme: light dark; font: 1rem/1.5 {FONTS};"
    dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {_properties(DARK)} }} }}"
    return f":root {{ {body} }}\n{dark}\n"


def _properties(values: dict[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in values.items())
