"""pareto.csv: rates from cards or rows, speeds, and why a cell is empty."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.command_line import Cli
from support.runs import STARTED, measured_row, run_key, system_card, write_run

from m2l_bench.runs.measured import measured_runs
from m2l_bench.runs.schema import Row, Session
from m2l_bench.tables import reconstruction as tables
from m2l_bench.tables.formats import Table
from m2l_bench.tables.rate_quality import rate_quality_table

STEREO = {"sample_rate": 48_000, "channels": 2, "width": 32, "samples": 1024}
MONO_CODES = {"sample_rate": 44_100, "channels": 1, "width": 9, "samples": 512, "bits": 10}


def make_run(out: Path, system: str, card: dict[str, Any], channels: int = 2, **cost: float) -> None:
    """Write a run of two clips of 10 and 5 s; `cost` is that of a second."""
    rows = [
        measured_row(id, {"si_sdr_db": seconds}, seconds, 16_000, cost, channels=channels)
        for id, seconds in (("a", 10), ("b", 5))
    ]
    session = Session(started=STARTED, device="cpu", cores=2)
    write_run(out, run_key(system), rows, system_card(system, **card), session)


def pareto(out: Path) -> Table:
    return rate_quality_table(tables.reconstruction_table(out), measured_runs(out), {})


def test_speeds_are_those_of_the_rows_and_so_are_rates_that_no_card_states(tmp_path: Path) -> None:
    cost = {"latent_values": 200, "latent_bytes": 800, "encode_seconds": 0.5, "decode_seconds": 2.0}
    make_run(tmp_path, "mine", {}, **cost)
    row = pareto(tmp_path).data.set_index("system").loc["mine"]
    assert row["clips"] == 2 and row["si_sdr_db"] == 7.5 and {"si_sdr_db_low", "si_sdr_db_high"} <= {*row.index}
    figures = ["values_per_second", "kilobits_per_second", "encode_real_time_factor", "decode_real_time_factor"]
    assert row[figures].tolist() == pytest.approx([200, 6.4, 2, 0.5])


@pytest.mark.parametrize(("channels", "streams"), [(1, 1), (2, 1), (3, 2)])
def test_the_rate_is_the_card_s_for_each_pair_also_of_recordings(tmp_path: Path, channels: int, streams: int) -> None:
    make_run(tmp_path, "recorded", {"latents": STEREO}, channels)
    make_run(tmp_path, "with-a-last-frame", {"latents": STEREO}, channels, latent_values=1507, latent_bytes=6028)
    data = pareto(tmp_path).data
    rates = data[["values_per_second", "kilobits_per_second"]].to_numpy().tolist()
    assert rates == [[1500 * streams, 48 * streams]] * 2
    assert data["encode_real_time_factor"].isna().all()


def test_where_every_clip_failed_there_is_no_rate(tmp_path: Path) -> None:
    failed = [Row(id="a", status="failed", reason="no luck")]
    write_run(tmp_path, run_key("mine"), failed, system_card("mine", latents=STEREO), Session(started=STARTED))
    table = tables.reconstruction_table(tmp_path)
    assert table.data["clips"].tolist() == [0] and table.data["kilobits_per_second"].isna().all()
    assert "si_sdr_db: not measured: every clip failed" in table.notes


def test_an_old_manifest_is_of_a_card_known_today(tmp_path: Path) -> None:
    make_run(tmp_path, "music2latent", {})
    assert pareto(tmp_path).data.iloc[0]["values_per_second"] == pytest.approx(2 * 689.0625)


def test_empty_cells_say_why(tmp_path: Path) -> None:
    make_run(tmp_path, "opus", {"kind": "classical"}, latent_values=3000, latent_bytes=3000)
    make_run(tmp_path, "copy", {"kind": "anchor"})
    make_run(tmp_path, "foreign", {})
    make_run(tmp_path, "codes", {"latents": MONO_CODES})
    table = pareto(tmp_path)
    rates = table.data.set_index("system")[["values_per_second", "kilobits_per_second"]]
    assert rates.index.tolist() == ["codes", "opus", "copy", "foreign"]
    assert rates.loc["codes"].tolist() == pytest.approx([2 * 775.2, 2 * 7.752], rel=1e-4)
    assert rates.loc["opus", "kilobits_per_second"] == 24
    assert rates["values_per_second"].isna().sum() == 3 and rates["kilobits_per_second"].isna().sum() == 2
    assert table.notes[:4] == [
        "opus: a bitstream has no latents to count: only its kb/s are given",
        "codes: its values are indices of 10 bits: compare kb/s",
        "foreign: no rate: its card has no `latents`",
        "copy: transmits nothing, so it has no rate",
    ]


def test_the_command_writes_it_beside_table_2(tmp_path: Path, cli_here: Cli) -> None:
    make_run(tmp_path / "runs", "mine", {"latents": STEREO}, encode_seconds=0.1)
    result = cli_here("tables", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["pareto"]["rows"][0]["values_per_second"] == 1500
    written = pd.read_csv(tmp_path / "runs" / "pareto.csv")
    assert written["system"].tolist() == ["mine"] and written["encode_real_time_factor"].tolist() == [10]
    markdown = (tmp_path / "runs" / "pareto.md").read_text()
    assert "| mine | 2 | 1500 | 48.00 | 10.0 |" in markdown
    assert "speeds: on cpu of 2 cores" in markdown
