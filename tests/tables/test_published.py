"""Published figures: what is in their files, which rows and columns they are shown in, and under which names."""

import json
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from support.command_line import Cli
from support.runs import measured_row, run_key, system_card, write_run

from m2l_bench.cards import load_cards
from m2l_bench.metrics import PAIRED, set_metric
from m2l_bench.shipped import shipped
from m2l_bench.tables import every, formats
from m2l_bench.tables.published import TABLE1, TABLE2, TABLE3, Beside, Published
from m2l_bench.tables.reconstruction import reconstruction_table

DESCRIBING = {"system", "stereo", "rate"}
DAC, SAME = (9.726, 4.272), (8.771, 3.781)
"""SI-SDR and ViSQOL of two systems as the independent run found them."""


def make_run(out: Path, name: str, values: list[float], **card: object) -> None:
    """Write a run of the card `name` with these values of SI-SDR, and ViSQOL 3."""
    rows = [measured_row(f"clip{i}", {"si_sdr_db": value, "visqol": 3.0}) for i, value in enumerate(values)]
    key = run_key(name, metric_versions={"si_sdr_db": "1", "visqol": "1"})
    write_run(out, key, rows, system_card(name, **{"title": f"The {name}", **card}))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """DAC, a variant of SAME-S with a name of its own, a system that nobody published, and an anchor."""
    out = tmp_path / "runs"
    values = np.random.default_rng(0).normal(5, 3, 8)
    make_run(out, "dac", list(values))
    make_run(out, "my-same", list(values + 1), paper_row="SAME-S")
    make_run(out, "mine", list(values + 2))
    make_run(out, "limit", list(values + 9), kind="anchor")
    return out


@pytest.mark.parametrize(
    "published", [TABLE1, *TABLE2.values(), TABLE3], ids=lambda table: f"{table.source} {table.table}"
)
def test_files_name_cards_and_metrics(published: Published) -> None:
    rows, cards = published.rows, load_cards()
    assert rows.index.is_unique and rows.notna().all(axis=None)
    if published is not TABLE3:
        systems = [system for system in rows["system"] if system]
        assert len(set(systems)) == len(systems) and set(systems) <= {*cards.systems, *cards.embeddings}
    if published is not TABLE1:  # its columns are those of the probing tasks, which tests/test_cards.py compares
        figures = [name for name in rows if name not in DESCRIBING and not name.startswith("other_")]
        assert figures and all(name in PAIRED or set_metric(name) for name in figures)


def test_every_folder_is_a_source_and_every_source_a_choice() -> None:
    folders = {path.name for path in shipped("results/published").iterdir() if path.is_dir()}
    assert {*get_args(Beside)} == {"none", *TABLE2} and {*TABLE2} == folders


def test_sources_that_repeat_each_other_agree() -> None:
    paper, codicodec = TABLE2["paper"].rows, TABLE2["codicodec"].rows.set_index("system")
    for name in ("si_sdr_db", "visqol", "fad_clap", "fad"):
        assert codicodec.loc[paper["system"], name].tolist() == paper[name].tolist()


def test_what_the_run_defines_otherwise_is_in_no_column_of_ours() -> None:
    assert [name for name in TABLE2["rerun"].rows if name in PAIRED or set_metric(name)] == ["si_sdr_db", "visqol"]


def test_figures_are_joined_by_card_and_shown_in_columns_of_their_source(runs: Path) -> None:
    data = reconstruction_table(runs, beside="rerun").data.set_index("system")
    columns = ["si_sdr_db_rerun", "visqol_rerun"]
    assert tuple(data.loc["dac", columns]) == DAC and tuple(data.loc["my-same", columns]) == SAME
    assert data.loc[["mine", "limit"], columns].isna().all(axis=None)
    assert data["fad_rerun"].isna().all() and data["fad_clap_rerun"].isna().all()
    assert not [name for name in data if name.endswith(("_paper", "_codicodec"))]
    assert data.loc["dac", "si_sdr_db"] != DAC[0]


def test_systems_that_were_not_measured_follow_all_that_were(runs: Path) -> None:
    table = reconstruction_table(runs, beside="rerun")
    order = list(table.data["system"])
    assert order[:4] == ["dac", "mine", "my-same", "limit"] and table.rule == 3
    others = table.data[4:]
    assert (others["clips"] == 0).all() and others["si_sdr_db"].isna().all() and others["si_sdr_db_rerun"].notna().all()
    assert len(order) == 4 + 15 - 2 and "same-s" not in order
    assert table.titles["same-l"] == "SAME-L" and table.titles["Opus 14 kb/s (rerun)"] == "Opus 14 kb/s (rerun)"
    (note,) = [note for note in table.notes if note.endswith("not measured here; only published figures are known")]
    assert note.startswith("music2latent, same-l, codicodec, ") and "dac-3" in note


@pytest.mark.parametrize("source", TABLE2)
def test_every_format_names_the_source(runs: Path, source: Beside) -> None:
    table = reconstruction_table(runs, beside=source)
    footnote = f"; {source}: {TABLE2[source].footnote}."
    figure = f"{TABLE2[source].figure(TABLE2[source].model(load_cards().systems['dac']), 'si_sdr_db'):.2f}"
    markdown, latex = formats.to_markdown(table), formats.to_latex(table)
    assert f"| SI-SDR (dB) ↑ | {source} |" in markdown and footnote in markdown
    assert rf"SI-SDR (dB) $\uparrow$ & {source} &" in latex and footnote in latex
    assert f"| {figure} | 3.00 " in markdown and f" & {figure} & 3.00 " in latex
    content = formats.to_json(table)
    assert footnote in content["caption"] and content["rows"][1][f"si_sdr_db_{source}"] is None


def test_without_a_source_nothing_published_is_shown(runs: Path) -> None:
    table = reconstruction_table(runs)
    assert len(table.data) == 4 and table.beside is None and "published" not in " ".join([table.caption, *table.notes])
    assert not [name for name in table.data if name.endswith(tuple(f"_{source}" for source in TABLE2))]


def test_published_figures_are_not_compared_and_have_no_rate(runs: Path, tmp_path: Path) -> None:
    every.regenerate(runs, None, tmp_path, beside="rerun")
    every.regenerate(runs, None, tmp_path / "alone")
    assert "si_sdr_db_rerun" in pd.read_csv(tmp_path / "table2.csv")
    for name in ("significance.csv", "pareto.csv", "pareto.md"):
        assert (tmp_path / name).read_text() == (tmp_path / "alone" / name).read_text()


def test_the_command_takes_every_source_and_no_other(runs: Path, cli_here: Cli) -> None:
    rows = json.loads(cli_here("tables", "--beside", "rerun", "--json").stdout)["rows"]
    assert {row["system"]: row["visqol_rerun"] for row in rows}["dac"] == DAC[1]
    result = cli_here("tables", "--beside", "nobody")
    assert result.returncode == 2 and all(source in result.stderr for source in get_args(Beside))
