"""Loss and held-out figures of training runs, side by side, as a picture.

pip install matplotlib
python scripts/plot_training.py runs/tiny -o tiny.svg
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

PANELS = {
    "loss": "training loss (Eq. 11)",
    "log_spectral_distance_db": "log-spectral distance, held out (dB) ↓",
    "si_sdr_db": "SI-SDR, held out (dB) ↑",
}


def read_log(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="Folders with a log.jsonl.")
    parser.add_argument("-o", "--out", type=Path, default=Path("training.svg"))
    arguments = parser.parse_args()
    figure, axes = plt.subplots(1, len(PANELS), figsize=(4 * len(PANELS), 3), constrained_layout=True)
    for axis, (name, title) in zip(axes, PANELS.items(), strict=True):
        for run in arguments.runs:
            points = [(row["iteration"], row[name]) for row in read_log(run) if name in row]
            axis.plot(*zip(*points, strict=True), marker="." if name != "loss" else "", label=run.name)
        axis.set_title(title, fontsize=9)
        axis.set_xlabel("iteration", fontsize=9)
        axis.tick_params(labelsize=8)
        axis.grid(alpha=0.3)
    if len(arguments.runs) > 1:
        axes[0].legend(fontsize=8)
    figure.savefig(arguments.out)


if __name__ == "__main__":
    main()
