"""Loss and held-out scores of training runs, from their `log.jsonl`."""

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
"""Iterations and values, by name of the logged quantity."""


def read_logs(folders: Sequence[Path]) -> dict[str, Log]:
    """Read the logs of training runs, by the names of their folders (by path where two names are equal).

    A killed run goes on from its checkpoint: where an iteration was done twice, the last values count.

    Raises:
        UserError: there is no log, or it is damaged.
    """
    names = [folder.resolve().name for folder in folders]
    logs = {}
    for folder, name in zip(folders, names, strict=True):
        logs[name if names.count(name) == 1 else str(folder)] = _read(folder / "log.jsonl")
    return logs


@styled
def figure(logs: Mapping[str, Log]) -> Figure:
    """Draw one panel for the loss and one for each held-out score, with one line per run.

    Raises:
        UserError: nothing was logged yet.
    """
    names = [name for name in PANELS if any(log.get(name) for log in logs.values())]
    if not names:
        raise UserError(f"{', '.join(logs)}: nothing logged yet")
    run_looks = looks(logs)
    drawing, axes = panels(len(names), height=2.3)
    for axis, name in zip(axes, names, strict=True):
        for run, log in logs.items():
            if log.get(name):
                marker = "" if name == "loss" else run_looks[run].marker
                axis.plot(*zip(*log[name], strict=True), color=run_looks[run].colour, marker=marker, markersize=4)
        axis.set_xlabel("Iteration")
        axis.set_ylabel(PANELS[name])
    if len(logs) > 1:
        legend(drawing, run_looks)
    return drawing


def _read(path: Path) -> Log:
    try:
        whole_lines = path.read_text(encoding="utf-8").split("\n")[:-1]  # the last one may still be written
        rows = [json.loads(line) for line in whole_lines]
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not the log of a training run ({error})") from error
    return {name: sorted({row["iteration"]: row[name] for row in rows if name in row}.items()) for name in PANELS}
