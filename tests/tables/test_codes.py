"""codes.csv and codebooks.csv: rates of an ideal coder and use of entries, from counts of known distributions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.command_line import Cli
from support.runs import measured_row, run_key, system_card, write_run

from m2l_bench.errors import UserError
from m2l_bench.runs.code_counts import write_code_counts
from m2l_bench.runs.measured import measured_runs
from m2l_bench.tables.codes import CodeUse, code_use, codebooks_frame, codes_table
from m2l_bench.tables.formats import Table

CARD = {"latents": {"sample_rate": 44_100, "channels": 1, "width": 2, "samples": 441, "bits": 2}}
"""Two codebooks of four entries, 100 frames per second: 0.4 kb/s for each channel."""
UNIFORM, CONSTANT, HALVES = [25, 25, 25, 25], [100, 0, 0, 0], [50, 0, 50, 0]
ENOUGH = 10**6
"""Counts times this have no bias to correct."""


def make_run(out: Path, system: str, clips: dict[str, Any], card: dict[str, Any], cost: Any = None) -> Path:
    """Write a run of stereo clips of half a second with these counts; None: a clip without counts."""
    rows = [measured_row(id, {"si_sdr_db": 1.0}, 0.5, cost=cost, channels=2) for id in clips]
    folder = write_run(out, run_key(system), rows, system_card(system, **card))
    for id, counts in clips.items():
        if counts is not None:
            write_code_counts(folder, id, ENOUGH * np.array(counts))
    return folder


def uses_of(out: Path) -> dict[str, CodeUse]:
    return {run.name: use for run in measured_runs(out).runs if (use := code_use(run))}


def table_of(out: Path) -> Table:
    return codes_table(measured_runs(out), uses_of(out))


def test_rates_and_usage_are_those_of_all_clips_together(tmp_path: Path) -> None:
    """Each clip uses one entry of the second codebook, both clips together two: one bit, and not none."""
    clips = {"a": [UNIFORM, CONSTANT], "b": [UNIFORM, [0, 0, 100, 0]]}
    make_run(tmp_path, "mine", clips, CARD)
    table = table_of(tmp_path)
    (row,) = table.data.to_dict("records")
    assert (row["clips"], row["codebooks"], row["entries"]) == (2, 2, 4)
    assert row["codes_per_codebook"] == 2 * 100 * ENOUGH
    figures = ["kilobits_per_second", "ideal_kilobits_per_second", "ideal_share_pct", "usage_pct", "smallest_usage_pct"]
    assert [row[name] for name in figures] == pytest.approx([0.8, 0.6, 75, 75, 50], abs=1e-5)
    assert not table.notes
    books = codebooks_frame(uses_of(tmp_path))
    assert books["codebook"].tolist() == [1, 2] and books["used_entries"].tolist() == [4, 2]
    assert books["entropy_bits"].tolist() == pytest.approx([2, 1], abs=1e-6)
    assert books["perplexity"].tolist() == pytest.approx([4, 2], abs=1e-5)
    assert books["ideal_kilobits_per_second"].tolist() == pytest.approx([0.4, 0.2], abs=1e-6)


def test_one_entry_needs_no_bits(tmp_path: Path) -> None:
    make_run(tmp_path, "mine", {"a": [CONSTANT, CONSTANT]}, CARD)
    (row,) = table_of(tmp_path).data.to_dict("records")
    assert row["ideal_kilobits_per_second"] == 0 and row["ideal_share_pct"] == 0 and row["usage_pct"] == 25


def test_without_a_rate_on_the_card_all_counted_codes_count(tmp_path: Path) -> None:
    """Codes of one bit in bytes: an ideal coder needs an eighth. The clip without counts has no part in the rate."""
    folder = make_run(tmp_path, "mine", {"a": None, "b": None}, {}, cost={"latent_values": 400, "latent_bytes": 400})
    write_code_counts(folder, "a", np.array([HALVES, HALVES]))
    (row,) = table_of(tmp_path).data.to_dict("records")
    assert row["kilobits_per_second"] == pytest.approx(3.2)
    assert row["ideal_kilobits_per_second"] == pytest.approx(0.4 * (1 + 1 / 200 / np.log(2)))


def test_notes_on_few_codes_and_on_clips_without_counts(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "mine", {"a": None, "b": None}, CARD)
    write_code_counts(folder, "a", np.array([[10, 9, 10, 10]] * 2))
    assert table_of(tmp_path).notes == [
        "mine: 39 codes for 4 entries of each codebook, fewer than 10 per entry: entropy, usage and ideal kb/s are too "
        "low",
        "mine: codes were counted on 1 of 2 clips; an earlier version measured the others",
    ]
    write_code_counts(folder, "b", np.array([[1, 0, 0, 0]] * 2))
    assert not table_of(tmp_path).notes


def test_clips_that_do_not_count_are_left_out(tmp_path: Path) -> None:
    """A failed clip, and one that is no longer in the dataset, may have counts from before."""
    rows = [measured_row(id, {}) for id in "abc"]
    rows[1].absent, rows[2].status = True, "failed"
    folder = write_run(tmp_path, run_key("mine"), rows, system_card("mine", **CARD))
    for id in "abc":
        write_code_counts(folder, id, np.array([UNIFORM, UNIFORM]))
    (use,) = uses_of(tmp_path).values()
    assert use.clips == 1 and use.counts.tolist() == [UNIFORM, UNIFORM]


def test_other_codebooks_within_a_run_are_an_error(tmp_path: Path) -> None:
    make_run(tmp_path, "mine", {"a": [UNIFORM, UNIFORM], "b": [UNIFORM]}, CARD)
    with pytest.raises(UserError, match="its clips have codes of different codebooks"):
        uses_of(tmp_path)


def test_the_command_writes_both_files_and_the_rate_beside_the_nominal_one(tmp_path: Path, cli_here: Cli) -> None:
    runs = tmp_path / "runs"
    make_run(runs, "mine", {"a": [UNIFORM, HALVES]}, CARD)
    make_run(runs, "other", {"a": None}, {})
    result = cli_here("tables")
    assert result.returncode == 0, result.stderr
    assert "Ideal, % of kb/s" in result.stdout and "(zero order)" in result.stdout
    assert "| mine | 1 | 2 | 4 | 0.80 | 0.60 | 75.0 | 75.0 | 50.0 |" in (runs / "codes.md").read_text()
    assert pd.read_csv(runs / "codes.csv")["system"].tolist() == ["mine"]
    assert pd.read_csv(runs / "codebooks.csv")["entropy_bits"].tolist() == [2, 1]
    rates = pd.read_csv(runs / "pareto.csv").set_index("system")["ideal_kilobits_per_second"]
    assert rates["mine"] == pytest.approx(0.6) and np.isnan(rates["other"])
    tables = json.loads(cli_here("tables", "--json").stdout)
    assert tables["codes"]["rows"][0]["ideal_kilobits_per_second"] == pytest.approx(0.6, abs=1e-6)


def test_runs_without_codes_have_no_such_table(tmp_path: Path, cli_here: Cli) -> None:
    make_run(tmp_path / "runs", "mine", {"a": None}, CARD)
    result = cli_here("tables")
    assert result.returncode == 0, result.stderr
    assert "Ideal" not in result.stdout and "codes" not in result.stderr
    assert not list((tmp_path / "runs").glob("code*"))
