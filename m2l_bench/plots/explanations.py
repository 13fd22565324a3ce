"""A sentence about each figure, for readers who do not know it; page and report show it at the head of a column."""

from __future__ import annotations

from m2l_bench.metrics import metric

SENTENCES = {
    "si_sdr_db": "Scale-invariant signal-to-distortion ratio: how near the samples are to the original's.",
    "visqol": "Opinion score that ViSQOL predicts, from 1 (bad) to 4.73 (like the original).",
}
DISTANCE = "Fréchet audio distance: how far all reconstructions together are from all originals, in an embedding."


def explanation(name: str) -> str:
    """Explain a metric in two short sentences; the second says which way is better."""
    direction = metric(name).direction.capitalize() + "."
    sentence = SENTENCES.get(name) or (DISTANCE if name.startswith("fad") else metric(name).citation + ".")
    return f"{sentence} {direction}"
