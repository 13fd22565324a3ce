"""Spectrograms of clips' originals and of their reconstructions, and below them what is too loud or too soft.

They are mel spectrograms (Slaney's scale) of the mean of the channels. The lower row shows the difference of levels,
not the level of the difference: a decoder that invents phases is far from the original sample by sample even where it
sounds the same.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray

from m2l_bench.audio import Audio, to_mono
from m2l_bench.audio.mel import mel_powers
from m2l_bench.datasets.base import Clip
from m2l_bench.errors import UserError
from m2l_bench.metrics import PAIRED
from m2l_bench.metrics.column_sets import PAPER
from m2l_bench.plots.design import DIFFERENCE_DB, DIFFERENCES, LEVELS
from m2l_bench.plots.runs import median_clip
from m2l_bench.plots.style import PAGE_INCHES, POINTS, QUIET, styled
from m2l_bench.runs.audio import originals, read_original, read_reconstruction
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.runs.schema import Row
from m2l_bench.text import first_of, fixed

WINDOW, HOP, BANDS = 4096, 1024, 128
RANGE_DB = 80.0
"""Range of the colours: levels this far (dB) below the loudest band of a clip's original look like silence."""
SILENCE = 1e-12
"""Power used as the loudest band of a silent clip."""
FREQUENCIES_KHZ = (0.5, 1, 2, 4, 8, 16)
MOST_SYSTEMS = 7
LETTERS = 80
"""Number of letters that the titles of a row have room for, all together."""

Levels = NDArray[np.float64]
"""(bands, frames) in dB."""


@styled
def figure(runs: Sequence[MeasuredRun], clips: Sequence[str] = (), data: Path | None = None) -> Figure:
    """Draw two rows per clip, with one column for the original and one for each system.

    Args:
        runs: runs over one dataset, whose audio was kept or recorded elsewhere.
        clips: ids of the clips; default: the clip with the median score.
        data: folder of the originals, if the runs do not name it.

    Raises:
        UserError: too many systems, no such clip, or its audio cannot be read.
    """
    if len(runs) > MOST_SYSTEMS:
        names = ", ".join(run.name for run in runs)
        raise UserError(f"{len(runs)} systems, but at most {MOST_SYSTEMS} fit side by side: choose from {names}")
    clips_by_id = originals(runs[0], data)
    rows = [{row.id: row for row in run.measured} for run in runs]
    common = [id for id in rows[0] if id in clips_by_id and all(id in rows_by_id for rows_by_id in rows)]
    for id in clips:
        if id not in common:
            raise UserError(
                f"no clip '{id}' that all of these systems were measured on; there are {first_of(common, 5)}"
            )
    if not common:
        raise UserError(f"{', '.join(run.name for run in runs)}: no clip that all of them were measured on")
    ids = list(clips) or [median_clip(runs, common)]
    drawing = Figure(figsize=(PAGE_INCHES, 2.7 * len(ids)))
    for part, id in zip(drawing.subfigures(len(ids), 1, squeeze=False).flat, ids, strict=True):
        _draw_clip(part, clips_by_id[id], [(run, rows_by_id[id]) for run, rows_by_id in zip(runs, rows, strict=True)])
    return drawing


def _draw_clip(part: SubFigure, clip: Clip, runs_and_rows: Sequence[tuple[MeasuredRun, Row]]) -> None:
    """Draw both rows of one clip, from its row in each run."""
    count = len(runs_and_rows)
    original, rate = read_original(clip, runs_and_rows[0][1])
    axes = part.subplots(2, 1 + count, sharex=True, sharey=True, squeeze=False)
    reference, loudest = levels(original, rate)
    image = _draw_levels(axes[0, 0], reference, rate, LEVELS, -RANGE_DB, 0.0)
    axes[0, 0].set_title("Original")
    axes[1, 0].axis("off")
    name = axes[1, 0].text(0.9, 0.5, textwrap.fill(clip.id, 20), transform=axes[1, 0].transAxes)
    name.set(ha="right", va="center", fontsize=POINTS["tiny"], in_layout=False)
    for (run, row), (above, below) in zip(runs_and_rows, axes.T[1:], strict=True):
        level, _ = levels(read_reconstruction(run, row, rate), rate, loudest)
        _draw_levels(above, level, rate, LEVELS, -RANGE_DB, 0.0)
        above.set_title(textwrap.fill(run.title, LETTERS // (1 + count), break_long_words=False))
        frames = min(level.shape[1], reference.shape[1])
        error = _draw_levels(
            below, level[:, :frames] - reference[:, :frames], rate, DIFFERENCES, -DIFFERENCE_DB, DIFFERENCE_DB
        )
        below.set_title(_scores(row), fontsize=POINTS["tiny"] if count < 6 else 5, color=QUIET)
    for axis in (axes[0, 0], *axes[1, 1:]):
        axis.set_xlabel("Time (s)")
    for axis in axes.flat:
        axis.tick_params(labelbottom=True)
    _label_frequencies(axes, rate)
    axes[0, 0].set_xlim(0, original.shape[1] / rate)
    part.colorbar(image, ax=list(axes[0]), label="Level (dB)", aspect=12, pad=0.01, ticks=MultipleLocator(20))
    part.colorbar(error, ax=list(axes[1]), label="Too loud by (dB)", aspect=12, pad=0.01, ticks=MultipleLocator(10))


def levels(audio: Audio, rate: int, loudest: float | None = None) -> tuple[Levels, float]:
    """Compute a mel spectrogram.

    Args:
        loudest: power of 0 dB; default: the power of the loudest band.

    Returns:
        levels (bands, frames) in dB relative to `loudest`, and `loudest`.
    """
    power = mel_powers(to_mono(audio)[0].astype(np.float64), rate, WINDOW, HOP, BANDS, centred=True)
    top = max(float(power.max()), SILENCE) if loudest is None else loudest
    return 10 * np.log10(np.maximum(power / top, 10 ** (-RANGE_DB / 10))), top


def _draw_levels(axis: Axes, image: Levels, rate: int, colours: str, low: float, high: float) -> AxesImage:
    extent = (0.0, image.shape[1] * HOP / rate, 0.0, float(BANDS))
    return axis.imshow(image, origin="lower", aspect="auto", extent=extent, cmap=colours, vmin=low, vmax=high)


def _label_frequencies(axes: Any, rate: int) -> None:
    """Set the frequency ticks of all panels, and label the axis of the original in kHz."""
    from librosa.core.convert import hz_to_mel

    ticks = [frequency for frequency in FREQUENCIES_KHZ if 2000 * frequency < rate]
    top = hz_to_mel(rate / 2)
    positions = [float(BANDS * hz_to_mel(1000 * frequency) / top) for frequency in ticks]
    for axis in axes.flat:
        axis.grid(visible=False)
        axis.set_yticks(positions, [f"{frequency:g}" for frequency in ticks])
    axes[0, 0].set_ylabel("Frequency (kHz)")


def _scores(row: Row) -> str:
    """Write a clip's scores, one line per metric."""
    scores = [(PAIRED[name], value) for name in PAPER if name in PAIRED and (value := row.value(name)) is not None]
    texts = [fixed(value, metric.decimals) for metric, value in scores]
    return "\n".join(f"{metric.title} {text} {metric.unit}" for (metric, _), text in zip(scores, texts, strict=True))
