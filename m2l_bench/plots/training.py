"""Loss and held-out figures of training runs, from their `log.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from m2l_bench.errors import UserError
from m2l_bench.plots.looks import looks
from m2l_bench.plots.style import legend, panels, styled

PANELS = {
    "loss": "Training loss (Eq. 11)\n← lower is better",
    "log_spectral_distance_db": "Log-spectral distance,\nheld out (dB)  ← lower is better",
    "si_sdr_db": "SI-SDR, held out (dB)\nhigher is better →",
}

Log = dict[str, list[tuple[int, float]]]
"""By name of the figure: iterations and values."""


def read_logs(folders: Sequence[Path]) -> dict[str, Log]:
    """The logs of training runs, by the folders' names (their paths where names are the same).

    A run that was killed goes on from its checkpoint: of iterations that were done twice, the last counts.

    Raises:
        UserError: no log there, or a damaged one.
    """
    names = [folder.resolve().name for folder in folders]
    logs = {}
    for folder, name in zip(folders, names, strict=True):
        logs[name if names.count(name) == 1 else str(folder)] = _read(folder / "log.jsonl")
    return logs


@styled
def figure(logs: Mapping[str, Log]) -> Figure:
    """A panel for the loss and for each held-out figure, a line a run.

    Raises:
        UserError: nothing was logged yet.
    """
    shown = [name for name in PANELS if any(log.get(name) for log in logs.values())]
    if not shown:
        raise UserError(f"{', '.join(logs)}: nothing logged yet")
    look = looks(logs)
    drawing, axes = panels(len(shown), height=2.3)
    for axis, name in zip(axes, shown, strict=True):
        for run, log in logs.items():
            if log.get(name):
                marker = "" if name == "loss" else look[run].marker
                axis.plot(*zip(*log[name], strict=True), color=look[run].colour, marker=marker, markersize=4)
        axis.set_xlabel("Iteration")
        axis.set_ylabel(PANELS[name])
    if len(logs) > 1:
        legend(drawing, look)
    return drawing


def _read(path: Path) -> Log:
    try:
        whole_lines = path.read_text(encoding="utf-8").split("\n")[:-1]  # the last one may still be written
        rows = [json.loads(line) for line in whole_lines]
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not the log of a training run ({error})") from error
    return {name: sorted({row["iteration"]: row[name] for row in rows if name in row}.items()) for name in PANELS}
