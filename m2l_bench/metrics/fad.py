"""Names of Fréchet audio distances: `fad` as in the paper's Table 2, and `fad_<embedding>` for any embedding."""

from __future__ import annotations

from m2l_bench.metrics.base import SetMetric

CITATION = "Kilgour et al., Fréchet Audio Distance: A Reference-Free Metric for Evaluating Music Enhancement, 2019"
TITLES = {"vggish": "FAD", "clap": "FAD-CLAP", "musicnn": "FAD-MusiCNN"}
DECIMALS = {"clap": 4, "clap-music": 4}
"""Decimals in tables where they differ from two: CLAP's vectors have length one, so their distances are small."""


def set_metric(name: str) -> SetMetric | None:
    """Return the metric of this name, or None if it is not a Fréchet audio distance."""
    if name != "fad" and not name.startswith("fad_"):
        return None
    embedding = name.removeprefix("fad").removeprefix("_") or "vggish"
    return SetMetric(
        name=name,
        title=TITLES.get(embedding, f"FAD-{embedding}"),
        unit="",
        higher_is_better=False,
        decimals=DECIMALS.get(embedding, 2),
        citation=CITATION,
        embedding=embedding,
    )
