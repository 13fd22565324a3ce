"""Runs on disk -> Table 2, beside the paper's figures. Reads rows; never runs a model."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from m2l_bench.cards import load_cards
from m2l_bench.distances.references import ORIGINALS
from m2l_bench.errors import UserError
from m2l_bench.metrics import PAIRED, metric, set_metric
from m2l_bench.reconstruction.set_metrics import read_distances
from m2l_bench.runs.reconstruction import Row, find_runs, read_manifest, read_rows
from m2l_bench.shipped import shipped
from m2l_bench.tables.formats import Column, Table
from m2l_bench.wording import first_of

COLUMNS = ("si_sdr_db", "visqol", "fad", "fad_clap", "fad_musicnn")
"""In every table, measured or not; distances with other embeddings follow where they were measured."""
PAPER = "Music2Latent paper, Table 2 (all of MusicCaps)"
RESAMPLES = 10_000


def bootstrap_interval(values: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of the mean over clips (Efron 1979); NaN for fewer than two values.

    An infinite value (SI-SDR of an exact copy) makes the mean, and so both ends, infinite.
    """
    if len(values) < 2:
        return float("nan"), float("nan")
    if not np.isfinite(values).all():
        return float(values.mean()), float(values.mean())
    rng = np.random.default_rng(seed)
    block = max(1, 2_000_000 // len(values))
    means = [
        values[rng.integers(0, len(values), (min(block, resamples - first), len(values)))].mean(axis=1)
        for first in range(0, resamples, block)
    ]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)


@dataclass(frozen=True)
class MeasuredRun:
    """A run as tables and figures need it."""

    name: str
    """The system, and what was asked for beyond its card: `music2latent@steps4`."""
    folder: Path
    manifest: dict[str, Any]
    rows: list[Row]
    distances: dict[str, dict[str, Any]]

    @property
    def asked(self) -> set[str]:
        """Metrics of its task, measured or not."""
        sessions = self.manifest.get("sessions", [])
        return {*self.manifest["metric_versions"], *(name for one in sessions for name in one.get("not_measured", {}))}

    @property
    def title(self) -> str:
        key, card = self.manifest["key"], self.manifest["card"]
        extra = [f"{key['steps']} steps"] if key["steps"] not in (None, card["steps"]) else []
        extra += [f"seed {key['seed']}"] if key["seed"] else []
        return str(card["title"]) + (f" ({', '.join(extra)})" if extra else "")

    @property
    def measured(self) -> list[Row]:
        """Its rows that have metrics."""
        return [row for row in self.rows if row["status"] == "measured"]

    def values(self, name: str) -> dict[str, float]:
        """A metric of pairs by clip, on the clips where it has a value."""
        return {row["id"]: row[name] for row in self.measured if row.get(name) is not None}

    def figure(self, name: str) -> tuple[float, float, float]:
        """A metric over all clips: value, and the low and high end of its 95 % interval; NaN where not measured."""
        if name in PAIRED:
            values = np.array(list(self.values(name).values()), float)
            return float(values.mean()) if len(values) else float("nan"), *bootstrap_interval(values)
        distance = self.distances.get(name, {})
        figures = (distance.get(key) for key in ("value", "low", "high"))
        value, low, high = (float("nan") if figure is None else float(figure) for figure in figures)
        return value, low, high


@dataclass(frozen=True)
class MeasuredRuns:
    """The runs of one dataset that a table shows, and what is to be said of the others."""

    dataset: str
    runs: list[MeasuredRun]
    notes: list[str]


def measured_runs(
    out: Path, dataset: str | None = None, only: set[Path] | None = None, reference: str = ORIGINALS
) -> MeasuredRuns:
    """The newest run of each system over one dataset below `out`; arguments and errors as `reconstruction_table`."""
    folders = [folder for folder in find_runs(out) if only is None or folder in only]
    if not folders:
        raise UserError(f"{out}: no runs there; `m2l-bench reconstruct` makes them")
    datasets = sorted({folder.parent.name for folder in folders})
    if dataset is None and len(datasets) > 1:
        raise UserError(f"{out} holds runs over {', '.join(datasets)}: choose one with --task")
    dataset = dataset or datasets[0]
    if dataset not in datasets:
        raise UserError(f"{out}: no runs over '{dataset}'; there are {', '.join(datasets)}")
    runs, notes = current_runs([folder for folder in folders if folder.parent.name == dataset], reference)
    return MeasuredRuns(dataset, runs, notes)


def reconstruction_table(
    out: Path, dataset: str | None = None, only: set[Path] | None = None, reference: str = ORIGINALS
) -> Table:
    """Table 2 over the runs of one dataset below `out`; `only` restricts it to these run folders.

    Systems of the paper that were not measured keep their published figures and empty cells.

    Args:
        reference: what Fréchet distances are against: the originals, or the name of a reference that was measured.

    Raises:
        UserError: no runs there, or several datasets and none named.
    """
    return table_of(measured_runs(out, dataset, only, reference), reference)


def table_of(measured: MeasuredRuns, reference: str = ORIGINALS) -> Table:
    """Table 2 over these runs, which were read with the same `reference`."""
    dataset, runs, notes = measured.dataset, measured.runs, list(measured.notes)
    paper = _paper()
    columns = [*COLUMNS, *sorted({name for run in runs for name in run.asked} - set(COLUMNS))]
    records, titles = [], {}
    for run in runs:
        titles[run.name] = run.title
        records.append(_record(run.name, run.manifest["card"]["paper_row"], run, paper, columns))
        notes += _clip_notes(run.name, run.rows, columns)
    notes += _distance_notes(runs)
    measured_rows = {run.manifest["card"]["paper_row"] for run in runs}
    unmeasured = [
        card for card in load_cards().systems.values() if card.paper_row and card.paper_row not in measured_rows
    ]
    for card in unmeasured:
        records.append(_record(card.name, card.paper_row, None, paper, columns))
        titles[card.name] = card.title
    data = pd.DataFrame(records)
    order = {name: i for i, name in enumerate(paper.index)}
    rank = [order.get(row, len(order)) for row in data.pop("paper_row")]
    data = data.assign(rank=rank).sort_values(["rank", "system"], kind="stable").drop(columns="rank")
    counts = {int(n) for n in data["clips"] if n}
    if len(counts) > 1:
        notes.append("systems were scored on different numbers of clips: see the column clips")
    if unmeasured:
        names = ", ".join(card.name for card in unmeasured)
        notes.append(f"{names}: not measured here; only the paper's figures are known")
    notes += [f"{name}: {why_empty(name, runs)}" for name in columns if not data[name].notna().any()]
    caption = f"Reconstruction on {dataset}: mean over clips [95 % bootstrap interval]; paper: {PAPER}."
    if any(run.distances for run in runs):
        against = "the originals of the same clips" if reference == ORIGINALS else reference
        caption = caption[:-1] + f"; Fréchet distances against {against}."
    return Table(data.reset_index(drop=True), titles, [_column(name) for name in columns], notes, caption)


def in_table_order(runs: list[MeasuredRun], table: Table) -> list[MeasuredRun]:
    """The runs that the table shows, as it shows them."""
    place = {name: i for i, name in enumerate(table.data["system"])}
    return sorted((run for run in runs if run.name in place), key=lambda run: place[run.name])


def _column(name: str) -> Column:
    """With a header such as "SI-SDR (dB) ↑"; the arrow points to better values."""
    described = metric(name)
    unit = f" ({described.unit})" if described.unit else ""
    return Column(name, f"{described.title}{unit} {'↑' if described.higher_is_better else '↓'}", described.decimals)


def current_runs(folders: list[Path], reference: str) -> tuple[list[MeasuredRun], list[str]]:
    """The newest run of each system and setting; older ones, and those on other audio, are named in notes."""
    notes: list[str] = []
    found = [(read_manifest(folder), folder) for folder in folders]
    found.sort(key=lambda pair: pair[0].get("sessions", [{"started": ""}])[-1]["started"], reverse=True)
    if len({manifest["key"]["root"] for manifest, _ in found}) > 1:
        notes.append(f"only runs over {found[0][0]['key']['root']} are shown")
    runs: dict[str, MeasuredRun] = {}
    audio: dict[str, str] = {}
    for manifest, folder in found:
        name = folder.name.split("~")[0]
        rows = read_rows(folder)
        hashes = {row["id"]: row["source_sha256"] for row in rows if row["status"] == "measured"}
        if manifest["key"]["root"] != found[0][0]["key"]["root"]:
            continue
        if name in runs:
            notes.append(f"{folder.name}: an earlier run with another card or data, not shown")
        elif any(audio.get(id, digest) != digest for id, digest in hashes.items()):
            notes.append(f"{folder.name}: measured on other versions of the clips, not shown; run it again")
        else:
            audio |= hashes
            runs[name] = MeasuredRun(name, folder, manifest, rows, read_distances(folder, reference))
    return list(runs.values()), notes


def _paper() -> pd.DataFrame:
    return pd.read_csv(shipped("results/paper") / "table2.csv", index_col="model")


def published(paper_row: str, name: str) -> float | None:
    """The paper's figure of a metric, or None where Table 2 has none."""
    paper = _paper()
    if name not in paper.columns or paper_row not in paper.index:
        return None
    return float(paper[name].loc[paper_row])


def _record(
    system: str,
    paper_row: str,
    run: MeasuredRun | None,
    paper: pd.DataFrame,
    columns: list[str],
) -> dict[str, Any]:
    record: dict[str, Any] = {"system": system, "paper_row": paper_row, "clips": len(run.measured) if run else 0}
    for name in columns:
        figures = run.figure(name) if run else (float("nan"),) * 3
        record |= dict(zip((name, f"{name}_low", f"{name}_high"), figures, strict=True))
        known = name in paper.columns and paper_row in paper.index
        record[f"{name}_paper"] = paper.loc[paper_row, name] if known else float("nan")
    for name in columns:
        if name not in PAIRED:
            distance = run.distances.get(name, {}) if run else {}
            record |= _distance_figures(distance, {"_infinity": "infinity"}, name)
            record |= _distance_figures(distance, {"": "kernel"}, name.replace("fad", "kad", 1))
    return record


def _distance_figures(distance: dict[str, Any], keys: dict[str, str], name: str) -> dict[str, float]:
    """Figures of a stored distance as columns `<name><suffix>`, empty where it has none."""
    figures = {f"{name}{suffix}": distance.get(key) for suffix, key in keys.items()}
    return {column: float("nan") if value is None else value for column, value in figures.items()}


def _distance_notes(runs: list[MeasuredRun]) -> list[str]:
    """What must be known of distances, once for all systems that it holds for."""
    systems: dict[str, list[str]] = {}
    for run in runs:
        for name, distance in run.distances.items():
            for note in distance["notes"]:
                systems.setdefault(f"{name}: {note}", []).append(run.name)
    return [note if len(names) == len(runs) else f"{', '.join(names)}: {note}" for note, names in systems.items()]


def why_empty(name: str, runs: list[MeasuredRun]) -> str:
    """Why a metric was measured on no system, as the newest command on a run knew it."""
    sessions = [session for run in runs for session in run.manifest.get("sessions", [])]
    sessions.sort(key=lambda session: session["started"])
    reasons = [session["not_measured"][name] for session in sessions if name in session.get("not_measured", {})]
    return f"not measured: {reasons[-1]}" if reasons else "not measured: the task does not ask for it"


def _clip_notes(system: str, rows: list[Row], columns: list[str]) -> list[str]:
    """Why cells or clips are missing from a system's means, counted by reason."""
    notes = []
    for status in ("failed", "missing"):
        bad = {row["id"]: row["reason"] for row in rows if row["status"] == status}
        if bad:
            shown = first_of([f"{id!r}: {reason}" for id, reason in bad.items()], separator="; ")
            notes.append(f"{system}: {len(bad)} {'clip' if len(bad) == 1 else 'clips'} {status} ({shown})")
    for name in columns:
        described = set_metric(name)
        column = f"{described.column if described else name}_note"
        reasons = Counter(row[column] for row in rows if row.get(column))
        notes += [f"{system}: no {name} on {count} of its clips: {reason}" for reason, count in reasons.items()]
    return notes
