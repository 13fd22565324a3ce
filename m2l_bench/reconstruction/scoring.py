"""Scores one reconstruction against its original. Runs in worker processes, so it imports no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from m2l_bench.audio import Audio, to_mono
from m2l_bench.errors import BadClip, Undefined
from m2l_bench.metrics import PAIRED


def score(reference: Audio, reconstruction: Audio, sample_rate: int, metrics: Sequence[str]) -> dict[str, Any]:
    """Columns `<metric>` and, where it has no value, `<metric>_note` with the reason; both lengths in samples.

    The common length is compared; if only one of the two is mono, both are folded to mono.

    Raises:
        BadClip: the reconstruction is empty, or has another number of channels (above one) than the original.
    """
    columns: dict[str, Any] = {
        "reference_samples": reference.shape[1],
        "reconstruction_samples": reconstruction.shape[1],
        "reconstruction_channels": reconstruction.shape[0],
    }
    if reference.shape[0] != reconstruction.shape[0]:
        if 1 not in (reference.shape[0], reconstruction.shape[0]):
            raise BadClip(f"{reconstruction.shape[0]} channels, but the original has {reference.shape[0]}")
        reference, reconstruction = to_mono(reference), to_mono(reconstruction)
    common = min(reference.shape[1], reconstruction.shape[1])
    if common == 0:
        raise BadClip("the reconstruction has no samples")
    for name in metrics:
        try:
            columns[name] = PAIRED[name].measure(reference[:, :common], reconstruction[:, :common], sample_rate)
        except Undefined as error:
            columns[name], columns[f"{name}_note"] = None, str(error)
    return columns
