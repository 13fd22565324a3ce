"""Scoring of one reconstruction against its original. It runs in worker processes, so it imports no model."""

from __future__ import annotations

from collections.abc import Sequence

from m2l_bench.audio import Audio, to_mono
from m2l_bench.boundary import reason_of
from m2l_bench.engine.base import KILLED
from m2l_bench.errors import BadClip, Undefined
from m2l_bench.metrics import PAIRED
from m2l_bench.metrics.base import Family, Values
from m2l_bench.runs.schema import Row
from m2l_bench.text import counted

LEAST_SECONDS = 0.1
"""Less of a longer original says nothing about the whole: a few equal samples would be a perfect copy."""


def score_safely(row: Row, original: Audio, reconstruction: Audio, sample_rate: int, metrics: Sequence[str]) -> Row:
    """Score a clip. Any exception of a metric is noted in the row: this clip fails, and the run goes on."""
    try:
        score(row, original, reconstruction, sample_rate, metrics)
    except BadClip as error:
        row.status, row.reason = "failed", str(error)
    except Exception as error:
        row.status, row.reason = "failed", f"scoring: {reason_of(error)}"
    return row


def lost_in_scoring(row: Row, *_: object) -> Row:
    """Note that scoring this clip ended its worker."""
    row.status, row.reason = "failed", f"scoring: {KILLED}"
    return row


def score(row: Row, reference: Audio, reconstruction: Audio, sample_rate: int, metrics: Sequence[str]) -> None:
    """Write each metric, or the reason why it has no value, and both lengths in samples into the row.

    Only the common length is compared. If only one of the two is mono, the other is mixed down to mono.

    Raises:
        BadClip: the reconstruction is empty, or has another number of channels (above one) than the original.
    """
    row.reference_samples, row.reconstruction_samples = reference.shape[1], reconstruction.shape[1]
    row.reconstruction_channels = reconstruction.shape[0]
    if reference.shape[0] != reconstruction.shape[0]:
        if 1 not in (reference.shape[0], reconstruction.shape[0]):
            raise BadClip(f"{counted(reconstruction.shape[0], 'channel')}, but the original has {reference.shape[0]}")
        reference, reconstruction = to_mono(reference), to_mono(reconstruction)
    common = min(reference.shape[1], reconstruction.shape[1])
    if common == 0:
        raise BadClip("the reconstruction has no samples")
    if common < min(reference.shape[1], LEAST_SECONDS * sample_rate):
        seconds = [samples / sample_rate for samples in (common, reference.shape[1])]
        row.values |= dict.fromkeys(metrics)
        row.notes |= dict.fromkeys(metrics, f"only {seconds[0]:.2f} of {seconds[1]:.2f} s to compare")
        return
    pair = reference[:, :common], reconstruction[:, :common]
    for name, value in _measured(*pair, sample_rate, metrics).items():
        if isinstance(value, Undefined):
            row.values[name], row.notes[name] = None, str(value)
        else:
            row.values[name] = value


def _measured(reference: Audio, reconstruction: Audio, sample_rate: int, names: Sequence[str]) -> Values:
    """Measure the metrics of these names, those of one family together."""
    values: Values = {}
    families: dict[Family, list[str]] = {}
    for name in names:
        metric = PAIRED[name]
        if metric.family is not None:
            families.setdefault(metric.family, []).append(name)
            continue
        try:
            values[name] = metric.measure(reference, reconstruction, sample_rate)
        except Undefined as reason:
            values[name] = reason
    for family, members in families.items():
        values |= family(reference, reconstruction, sample_rate, members)
    return values
