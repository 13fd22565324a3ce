"""Columns of the overview of generated sets: their distances to the held-out music, density and coverage."""

from __future__ import annotations

from collections.abc import Sequence

from m2l_bench.listen.content import Figure
from m2l_bench.metrics import kernel_metric, set_metric
from m2l_bench.metrics.base import Description
from m2l_bench.runs.generated import GeneratedSet

EXPLANATIONS = {
    "kad": "Kernel audio distance: how far all clips of a set together are from the held-out music, in an embedding, "
    "also where there are few clips. Lower is better.",
    "fad": "Fréchet audio distance: how far all clips of a set together are from the held-out music, in an embedding. "
    "It also depends on the number of clips. Lower is better.",
    "density": "How densely the held-out music surrounds the clips of a set, in an embedding: about 1 where both are "
    "alike. Higher is better.",
    "coverage": "Share of the held-out music that has something of the set near it, in an embedding, from 0 to 1. "
    "Higher is better.",
}
"""Sentences by the beginnings of columns, in the order of the overview."""
SHARES_CITATION = "Naeem et al., Reliable Fidelity and Diversity Metrics for Generative Models, 2020"


def figures_of(sets: Sequence[GeneratedSet]) -> tuple[Figure, ...]:
    """Describe the figures that are known of some set, for one embedding after the other."""
    known = dict.fromkeys(name for entry in sets for name in entry.values)
    embeddings = [
        name.removeprefix("fad_") for name in known if name.startswith("fad_") and not name.endswith(("_low", "_high"))
    ]
    return tuple(
        Figure(_describe(figure, embedding), text)
        for embedding in embeddings
        for figure, text in EXPLANATIONS.items()
        if f"{figure}_{embedding}" in known
    )


def _describe(figure: str, embedding: str) -> Description:
    name = f"{figure}_{embedding}"
    distance = set_metric(name) or kernel_metric(name)
    if distance:
        return distance
    frechet = set_metric(f"fad_{embedding}")
    assert frechet is not None  # every name of this form is one
    title = frechet.title.replace("FAD", figure.capitalize(), 1)
    return Description(name, title, unit="", higher_is_better=True, decimals=2, citation=SHARES_CITATION)
