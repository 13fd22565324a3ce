"""Named sets of metrics, which are the columns of tables and what a command adds to the metrics of a task."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from m2l_bench.metrics import PAIRED

ColumnSet = Literal["paper", "spectral", "stereo", "level", "perceptual", "all"]
PAPER = ("si_sdr_db", "visqol", "fad", "fad_clap", "fad_musicnn")
"""Columns of Table 2 of the paper."""
MEMBERS: dict[str, tuple[str, ...]] = {
    "paper": PAPER,
    "spectral": ("mel_distance", "stft_distance", "mr_stft_auraloss", "log_spectral_distance_db"),
    "stereo": (
        "width_difference_db",
        "channel_coherence",
        "inter_channel_coherence",
        *(name for name in PAIRED if "_mid" in name or "_side" in name),
    ),
    "perceptual": ("visqol", "zimtohrli"),
    "level": (
        "loudness_difference_lu",
        "loudness_range_difference_lu",
        "true_peak_difference_db",
        "dc_difference_pct",
        "clipping_difference_pct",
        "delay_samples",
        "si_sdr_aligned_db",
    ),
}
MEMBERS["all"] = tuple(dict.fromkeys(name for members in MEMBERS.values() for name in members))


def columns_of(columns: ColumnSet, requested: Collection[str]) -> list[str]:
    """Name the columns of a table.

    Args:
        columns: the set. `paper` and `all` have distances with other embeddings as well, where they were requested.
        requested: metrics that were to be measured. If none of them is in the paper's set, `paper` shows them all.
    """
    others = sorted(set(requested) - set(MEMBERS["all"]))
    if columns == "paper" and requested and not {*PAPER, *others} & set(requested):
        return [name for name in MEMBERS["all"] if name in requested]
    return [*MEMBERS[columns], *(others if columns in ("paper", "all") else ())]


def added_metrics(columns: ColumnSet) -> tuple[str, ...]:
    """Name the metrics that a command with this set measures beside those of the task: none for `paper`."""
    added = () if columns == "paper" else MEMBERS[columns]
    return tuple(name for name in added if name not in PAPER)
