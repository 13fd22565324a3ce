"""Runs on disk -> Table 2, beside the paper's figures. Reads rows; never runs a model."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from m2l_bench.cards import load_cards
from m2l_bench.errors import UserError
from m2l_bench.metrics import PAIRED
from m2l_bench.run import Row, find_runs, read_manifest, read_rows
from m2l_bench.shipped import shipped

COLUMNS = ("si_sdr_db", "visqol", "fad", "fad_clap", "fad_musicnn")
PAPER = "Music2Latent paper, Table 2 (all of MusicCaps)"
RESAMPLES = 10_000


@dataclass
class Table:
    """A table with one row a system, and what a reader must know beside it."""

    data: pd.DataFrame
    titles: dict[str, str]
    notes: list[str]
    caption: str


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


def reconstruction_table(out: Path, dataset: str | None = None, only: set[Path] | None = None) -> Table:
    """Table 2 over the runs of one dataset below `out`; `only` restricts it to these run folders.

    Systems of the paper that were not measured keep their published figures and empty cells.

    Raises:
        UserError: no runs there, or several datasets and none named.
    """
    folders = [folder for folder in find_runs(out) if only is None or folder in only]
    if not folders:
        raise UserError(f"{out}: no runs there; `m2l-bench reconstruct` makes them")
    datasets = sorted({folder.parent.name for folder in folders})
    if dataset is None and len(datasets) > 1:
        raise UserError(f"{out} holds runs over {', '.join(datasets)}: choose one with --task")
    dataset = dataset or datasets[0]
    if dataset not in datasets:
        raise UserError(f"{out}: no runs over '{dataset}'; there are {', '.join(datasets)}")
    runs, notes = _current_runs([folder for folder in folders if folder.parent.name == dataset])
    paper = _paper()
    records, titles = [], {}
    for name, manifest, rows in runs:
        titles[name] = _title(manifest)
        records.append(_record(name, manifest["card"]["paper_row"], rows, paper))
        notes += _clip_notes(name, rows)
    measured_rows = {manifest["card"]["paper_row"] for _, manifest, _ in runs}
    unmeasured = [
        card for card in load_cards().systems.values() if card.paper_row and card.paper_row not in measured_rows
    ]
    for card in unmeasured:
        records.append(_record(card.name, card.paper_row, [], paper))
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
    notes.append("fad, fad_clap, fad_musicnn: not measured, this version computes no Fréchet distances")
    caption = f"Reconstruction on {dataset}: mean over clips [95 % bootstrap interval]; paper: {PAPER}."
    return Table(data.reset_index(drop=True), titles, notes, caption)


def write(table: Table, folder: Path) -> list[Path]:
    """Write `table2.csv`, and `table2.md` with the notes, into `folder`; returns the paths."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        csv, markdown = folder / "table2.csv", folder / "table2.md"
        csv.write_text(to_csv(table), encoding="utf-8")
        markdown.write_text(to_markdown(table), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder}: cannot write there ({error.strerror})") from error
    return [csv, markdown]


def to_csv(table: Table) -> str:
    """The whole table: metric, metric_low, metric_high, metric_paper."""
    buffer = io.StringIO()
    table.data.to_csv(buffer, index=False, float_format="%.4f", lineterminator="\n")
    return buffer.getvalue()


def display_columns(table: Table) -> list[str]:
    """Metrics that were measured on at least one system."""
    return [name for name in COLUMNS if table.data[name].notna().any()]


def header(name: str) -> str:
    """For example "SI-SDR (dB) ↑"; the arrow points to better values."""
    metric = PAIRED[name]
    return f"{metric.title} ({metric.unit}) {'↑' if metric.higher_is_better else '↓'}"


def cell(record: Any, name: str) -> str:
    """For example "3.84 [3.71, 3.95]", empty where nothing was measured."""
    value, low, high = record[name], record[f"{name}_low"], record[f"{name}_high"]
    if pd.isna(value):
        return ""
    decimals = PAIRED[name].decimals
    if np.isinf(value):
        return "∞" if value > 0 else "-∞"
    interval = "" if pd.isna(low) else f" [{low:.{decimals}f}, {high:.{decimals}f}]"
    return f"{value:.{decimals}f}{interval}"


def paper_cell(record: Any, name: str) -> str:
    value = record[f"{name}_paper"]
    return "" if pd.isna(value) else f"{value:.{PAIRED[name].decimals}f}"


def text_rows(table: Table) -> tuple[list[str], list[list[str]]]:
    """Header and rows as plain text, for the terminal, Markdown and LaTeX."""
    shown = display_columns(table)
    head = ["System", "Clips"]
    for name in shown:
        head += [header(name), "paper"]
    rows = []
    for record in table.data.to_dict("records"):
        row = [table.titles[record["system"]], str(record["clips"])]
        for name in shown:
            row += [cell(record, name), paper_cell(record, name)]
        rows.append(row)
    return head, rows


def to_markdown(table: Table) -> str:
    """A GitHub table with caption and notes."""
    head, rows = text_rows(table)
    lines = [table.caption, "", _markdown_row(head), _markdown_row(["---", *["---:"] * (len(head) - 1)])]
    lines += [_markdown_row(row) for row in rows]
    lines += ["", *[f"- {_escape_markdown(note)}" for note in table.notes]]
    return "\n".join(lines) + "\n"


def to_latex(table: Table) -> str:
    """A booktabs tabular with the notes as comments."""
    head, rows = text_rows(table)
    lines = [f"% {_flat(table.caption)}", *[f"% {_flat(note)}" for note in table.notes]]
    lines += [rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", r"\toprule"]
    lines += [" & ".join(map(_escape_latex, head)) + r" \\", r"\midrule"]
    lines += [" & ".join(map(_escape_latex, row)) + r" \\" for row in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def to_json(table: Table) -> dict[str, Any]:
    """Rows, caption and notes; infinity as the string "Infinity", what was not measured as null."""
    rows = [{key: _json_value(value) for key, value in record.items()} for record in table.data.to_dict("records")]
    return {"caption": table.caption, "rows": rows, "notes": table.notes}


def _json_value(value: Any) -> Any:
    if isinstance(value, float):
        if np.isnan(value):
            return None
        if np.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
    return value


def _current_runs(folders: list[Path]) -> tuple[list[tuple[str, dict[str, Any], list[Row]]], list[str]]:
    """The newest run of each system and setting; older ones, and those on other audio, are named in notes."""
    notes: list[str] = []
    found = [(read_manifest(folder), folder) for folder in folders]
    found.sort(key=lambda pair: pair[0].get("sessions", [{"started": ""}])[-1]["started"], reverse=True)
    if len({manifest["key"]["root"] for manifest, _ in found}) > 1:
        notes.append(f"only runs over {found[0][0]['key']['root']} are shown")
    runs: dict[str, tuple[str, dict[str, Any], list[Row]]] = {}
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
            runs[name] = (name, manifest, rows)
    return list(runs.values()), notes


def _title(manifest: dict[str, Any]) -> str:
    key, card = manifest["key"], manifest["card"]
    extra = [f"{key['steps']} steps"] if key["steps"] not in (None, card["steps"]) else []
    extra += [f"seed {key['seed']}"] if key["seed"] else []
    return str(card["title"]) + (f" ({', '.join(extra)})" if extra else "")


def _paper() -> pd.DataFrame:
    return pd.read_csv(shipped("results/paper") / "table2.csv", index_col="model")


def _record(system: str, paper_row: str, rows: list[Row], paper: pd.DataFrame) -> dict[str, Any]:
    measured = [row for row in rows if row["status"] == "measured"]
    record: dict[str, Any] = {"system": system, "paper_row": paper_row, "clips": len(measured)}
    for name in COLUMNS:
        values = np.array([row[name] for row in measured if row.get(name) is not None], float)
        record[name] = float(values.mean()) if len(values) else float("nan")
        record[f"{name}_low"], record[f"{name}_high"] = bootstrap_interval(values)
        published = name in paper.columns and paper_row in paper.index
        record[f"{name}_paper"] = paper.loc[paper_row, name] if published else float("nan")
    return record


def _clip_notes(system: str, rows: list[Row]) -> list[str]:
    """Why cells or clips are missing from a system's means, counted by reason."""
    notes = []
    for status in ("failed", "missing"):
        bad = {row["id"]: row["reason"] for row in rows if row["status"] == status}
        if bad:
            shown = "; ".join(f"{id!r}: {reason}" for id, reason in list(bad.items())[:3])
            more = f"; and {len(bad) - 3} more" if len(bad) > 3 else ""
            notes.append(f"{system}: {len(bad)} {'clip' if len(bad) == 1 else 'clips'} {status} ({shown}{more})")
    for name in COLUMNS:
        reasons = Counter(row[f"{name}_note"] for row in rows if row.get(f"{name}_note"))
        notes += [f"{system}: no {name} on {count} of its clips: {reason}" for reason, count in reasons.items()]
    return notes


def _flat(text: str) -> str:
    return " ".join(text.split())


def _markdown_row(cells: list[str]) -> str:
    return "| " + " | ".join(map(_escape_markdown, cells)) + " |"


def _escape_markdown(text: str) -> str:
    return _flat(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _escape_latex(text: str) -> str:
    replacements = {
        "\\": r"\textbackslash{}",
        "∞": r"$\infty$",
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
    return "".join(replacements.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in _flat(text))
