"""A report on latents on disk, from a few values."""

from __future__ import annotations

from pathlib import Path

from m2l_bench.latent_space.intervals import Figure
from m2l_bench.runs.latent_spaces import LatentSpace, write_latent_spaces


def write_report(path: Path, values: dict[str, dict[str, tuple[float, float, float]]], dataset: str = "songs") -> Path:
    """Write values with their intervals, by system and measure; returns the path."""
    spaces = {
        system: LatentSpace(
            system,
            f"={system.title()}",
            dataset,
            "k",
            {name: Figure(*figure, 5) for name, figure in figures.items()},
            {},
        )
        for system, figures in values.items()
    }
    write_latent_spaces(path, spaces)
    return path
