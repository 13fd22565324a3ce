"""Spectrograms of clips' originals and of their reconstructions, and below them what is too loud or too soft.

Mel spectrograms (Slaney's scale) of the mean of the channels. The difference of levels is shown, not the level of the
difference: a decoder that makes up phases is far from the original sample by sample even where it sounds the same.
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
from m2l_bench.datasets.base import Clip
from m2l_bench.errors import UserError
from m2l_bench.metrics import PAIRED
from m2l_bench.plots.style import PAGE_INCHES, QUIET, styled
from m2l_bench.runs.audio import originals, read_original, read_reconstruction
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.runs.schema import Row
from m2l_bench.text import first_of

WINDOW, HOP, BANDS = 4096, 1024, 128
RANGE_DB = 80.0
"""Levels so far below the loudest band of a clip's original are not told apart."""
ERROR_DB = 20.0
SILENCE = 1e-12
"""Power that counts as the loudest band of a clip without any."""
FREQUENCIES_KHZ = (0.5, 1, 2, 4, 8, 16)
MOST_SYSTEMS = 7
LETTERS = 80
"""Of all titles of a row together."""
LEVELS, ERRORS = "magma", "PuOr_r"

Levels = NDArray[np.float64]
"""(bands, frames) in dB."""


@styled
def figure(runs: Sequence[MeasuredRun], clips: Sequence[str] = (), data: Path | None = None) -> Figure:
    """Two rows a clip, a column for the original and each system.

    Args:
        runs: over one dataset, with their audio kept or recorded.
        clips: their ids; by default the one of median score.
        data: where the originals lie, if the runs do not say.

    Raises:
        UserError: too many systems, no such clip, or its audio cannot be read.
    """
    if len(runs) > MOST_SYSTEMS:
        names = ", ".join(run.name for run in runs)
        raise UserError(f"{len(runs)} systems, but {MOST_SYSTEMS} stand side by side at most: choose of {names}")
    known = originals(runs[0], data)
    rows = [{row.id: row for row in run.measured} for run in runs]
    everywhere = [id for id in rows[0] if id in known and all(id in one for one in rows)]
    for id in clips:
        if id not in everywhere:
            raise UserError(
                f"no clip '{id}' that all of these systems were measured on; there are {first_of(everywhere, 5)}"
            )
    if not everywhere:
        raise UserError(f"{', '.join(run.name for run in runs)}: no clip that all of them were measured on")
    chosen = list(clips) or [_typical(runs[0], everywhere)]
    drawing = Figure(figsize=(PAGE_INCHES, 2.7 * len(chosen)))
    for part, id in zip(drawing.subfigures(len(chosen), 1, squeeze=False).flat, chosen, strict=True):
        _clip(part, known[id], [(run, one[id]) for run, one in zip(runs, rows, strict=True)])
    return drawing


def _clip(part: SubFigure, clip: Clip, made: Sequence[tuple[MeasuredRun, Row]]) -> None:
    """Both rows of one clip, from its row in each run."""
    original, rate = read_original(clip, made[0][1])
    axes = part.subplots(2, 1 + len(made), sharex=True, sharey=True, squeeze=False)
    reference, loudest = levels(original, rate)
    image = _show(axes[0, 0], reference, rate, LEVELS, -RANGE_DB, 0.0)
    axes[0, 0].set_title("Original")
    axes[1, 0].axis("off")
    name = axes[1, 0].text(0.9, 0.5, textwrap.fill(clip.id, 20), transform=axes[1, 0].transAxes)
    name.set(ha="right", va="center", fontsize=6, in_layout=False)
    for (run, row), (above, below) in zip(made, axes.T[1:], strict=True):
        level, _ = levels(read_reconstruction(run, row, rate), rate, loudest)
        _show(above, level, rate, LEVELS, -RANGE_DB, 0.0)
        above.set_title(textwrap.fill(run.title, LETTERS // (1 + len(made)), break_long_words=False))
        frames = min(level.shape[1], reference.shape[1])
        error = _show(below, level[:, :frames] - reference[:, :frames], rate, ERRORS, -ERROR_DB, ERROR_DB)
        below.set_title(_scores(row), fontsize=6 if len(made) < 6 else 5, color=QUIET)
        below.set_xlabel("Time (s)")
    _frequencies(axes, rate)
    axes[0, 0].set_xlim(0, original.shape[1] / rate)
    part.colorbar(image, ax=list(axes[0]), label="Level (dB)", aspect=12, pad=0.01, ticks=MultipleLocator(20))
    part.colorbar(error, ax=list(axes[1]), label="Too loud by (dB)", aspect=12, pad=0.01, ticks=MultipleLocator(10))


def levels(audio: Audio, rate: int, loudest: float | None = None) -> tuple[Levels, float]:
    """Mel spectrogram, (bands, frames) in dB below `loudest`, and that: the power of its loudest band by default."""
    import librosa

    power: Levels = librosa.feature.melspectrogram(
        y=to_mono(audio)[0].astype(np.float64), sr=rate, n_fft=WINDOW, hop_length=HOP, n_mels=BANDS, fmax=rate / 2
    )
    top = max(float(power.max()), SILENCE) if loudest is None else loudest
    return 10 * np.log10(np.maximum(power / top, 10 ** (-RANGE_DB / 10))), top


def _show(axis: Axes, image: Levels, rate: int, colours: str, low: float, high: float) -> AxesImage:
    extent = (0.0, image.shape[1] * HOP / rate, 0.0, float(BANDS))
    return axis.imshow(image, origin="lower", aspect="auto", extent=extent, cmap=colours, vmin=low, vmax=high)


def _frequencies(axes: Any, rate: int) -> None:
    """Ticks in kHz, labelled at the original."""
    import librosa

    ticks = [frequency for frequency in FREQUENCIES_KHZ if 2000 * frequency < rate]
    top = librosa.hz_to_mel(rate / 2)
    places = [float(BANDS * librosa.hz_to_mel(1000 * frequency) / top) for frequency in ticks]
    for axis in axes.flat:
        axis.grid(visible=False)
        axis.set_yticks(places, [f"{frequency:g}" for frequency in ticks])
    axes[0, 0].set_ylabel("Frequency (kHz)")


def _scores(row: Row) -> str:
    found = [(PAIRED[name], value) for name in PAIRED if (value := row.value(name)) is not None]
    values = ["∞" if np.isinf(value) else f"{value:.{metric.decimals}f}" for metric, value in found]
    return "\n".join(f"{metric.title} {value} {metric.unit}" for (metric, _), value in zip(found, values, strict=True))


def _typical(run: MeasuredRun, ids: Sequence[str]) -> str:
    """The clip of median score, by the first metric that the run has."""
    scores = next((values for values in map(run.values, PAIRED) if values), {})
    ranked = sorted(ids, key=lambda id: scores.get(id, -np.inf))
    return ranked[len(ranked) // 2]
