import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap
from support.command_line import Cli
from support.runs import measured_row, run_key, system_card, write_run

from m2l_bench.console.terminal import column_parts
from m2l_bench.errors import UserError
from m2l_bench.metrics.bootstrap import bootstrap_interval
from m2l_bench.runs.distances import ORIGINALS, vectors_digest, write_distance
from m2l_bench.runs.measured import measured_runs
from m2l_bench.runs.schema import Session, StoredDistance
from m2l_bench.tables import formats as table_formats
from m2l_bench.tables import reconstruction as tables
from m2l_bench.tables.significance import differences
from m2l_bench.text import spreadsheet_text, spreadsheet_value

EXPECTED_COLUMNS = ["system", "clips", "kilobits_per_second"] + [
    f"{metric}{part}"
    for metric in ("si_sdr_db", "visqol", "fad", "fad_clap", "fad_musicnn")
    for part in ("", "_low", "_high", "_paper")
]
SET_FIGURES = (
    "fad{}_infinity",
    "kad{}",
    "kad{}_low",
    "kad{}_high",
    "density{}",
    "coverage{}",
    "precision{}",
    "recall{}",
)
EXPECTED_COLUMNS += [figure.format(end) for end in ("", "_clap", "_musicnn") for figure in SET_FIGURES]


def make_run(
    out: Path,
    system: str,
    values: dict[str, float | None],
    *,
    paper_row: str = "",
    started: str = "2026-01-01",
    sha: str = "",
    **changes: object,
) -> Path:
    rows = []
    for id, value in values.items():
        row = measured_row(id, {"si_sdr_db": value}, source_sha256=sha or f"sha-{id}")
        if value is None:
            row.notes["si_sdr_db"] = "the original is silent"
        rows.append(row)
    card = system_card(title=f"The {system}", paper_row=paper_row)
    return write_run(out, run_key(system, **changes), rows, card, Session(started=started))


def test_interval_equals_scipy() -> None:
    values = np.random.default_rng(3).normal(2, 5, 40)
    theirs = bootstrap((values,), np.mean, method="percentile", n_resamples=10_000, rng=1).confidence_interval
    low, high = bootstrap_interval(values)
    assert low == pytest.approx(theirs.low, abs=0.1) and high == pytest.approx(theirs.high, abs=0.1)


def test_interval_of_one_value_is_empty_and_of_infinity_infinite() -> None:
    assert np.isnan(bootstrap_interval(np.array([1.0]))).all()
    assert bootstrap_interval(np.array([1.0, np.inf])) == (np.inf, np.inf)


def test_the_csv_has_the_promised_columns_and_the_papers_figures(tmp_path: Path) -> None:
    make_run(tmp_path, "dac", {"a": 8.0, "b": 10.0}, paper_row="DAC")
    make_run(tmp_path, "mine", {"a": 1.0, "b": None})
    csv, markdown = table_formats.write(
        tables.reconstruction_table(tmp_path, beside="paper"), tmp_path / "results", "table2"
    )
    data = pd.read_csv(csv).set_index("system")
    assert ["system", *data.columns] == EXPECTED_COLUMNS
    assert data.loc["dac", ["clips", "si_sdr_db", "si_sdr_db_paper", "fad_clap_paper"]].tolist() == [
        2,
        9.0,
        9.48,
        0.041,
    ]
    assert data.loc["mine", "clips"] == 2 and data.loc["mine", "si_sdr_db"] == 1.0
    assert pd.isna(data.loc["mine", "si_sdr_db_low"]) and pd.isna(data.loc["mine", "si_sdr_db_paper"])
    assert data.loc["musika", "clips"] == 0 and data.loc["musika", "si_sdr_db_paper"] == -25.81
    assert data["fad"].isna().all()
    text = markdown.read_text()
    assert "mine: no si_sdr_db on 1 of its clips: the original is silent" in text


def test_without_the_paper_only_measured_systems_are_shown_the_best_first_and_anchors_last(tmp_path: Path) -> None:
    make_run(tmp_path, "worse", {"a": 8.0, "b": 10.0}, paper_row="DAC")
    make_run(tmp_path, "better", {"a": 12.0, "b": 10.0})
    rows = [measured_row("a", {"si_sdr_db": 30.0}, source_sha256="sha-a")]
    write_run(
        tmp_path, run_key("limit"), rows, system_card(title="Limit", kind="anchor"), Session(started="2026-01-01")
    )
    table = tables.reconstruction_table(tmp_path)
    assert list(table.data["system"]) == ["better", "worse", "limit"] and table.rule == 2
    assert not [name for name in table.data if name.endswith("_paper")]


def test_of_several_runs_the_newest_counts_and_the_rest_is_named(tmp_path: Path) -> None:
    make_run(tmp_path, "b", {"x": 3.0}, started="2026-03-01", sha="old audio")
    make_run(tmp_path, "a", {"x": 1.0}, started="2026-02-01")
    make_run(tmp_path, "a", {"x": 2.0}, started="2026-01-01", card_digest="other")  # the clock went back
    table = tables.reconstruction_table(tmp_path)
    measured = table.data[table.data["clips"] > 0].set_index("system")
    assert measured["si_sdr_db"].to_dict() == {"a": 2.0}
    assert any(note.startswith("a: an earlier run") for note in table.notes)
    assert any(note.startswith("b: measured on other versions of the clips") for note in table.notes)


def test_a_note_on_distances_is_written_once_for_all_systems_it_applies_to(tmp_path: Path) -> None:
    few, none = "too few vectors", "no kernel distance"
    for system, notes in {"a": [few, none], "b": [few], "c": [few]}.items():
        rows = [measured_row(id, {}, frames={"fad": 3}) for id in "xy"]
        folder = write_run(tmp_path, run_key(system, metric_versions={"fad": "1"}), rows)
        digest = vectors_digest("fad", "1", "r", rows)
        distance = StoredDistance(digest=digest, reference_digest="r", value=3.0, clips=2, notes=notes)
        write_distance(folder, ORIGINALS, "fad", distance)
    notes = tables.reconstruction_table(tmp_path).notes
    assert [note for note in notes if "fad: " in note] == [f"fad: {few}", f"a: fad: {none}"]


def test_the_order_in_which_clips_finished_does_not_matter(tmp_path: Path) -> None:
    values = {f"clip{i}": float(i * i % 7) for i in range(9)}
    make_run(tmp_path / "a", "mine", values)
    make_run(tmp_path / "b", "mine", dict(reversed(values.items())))
    first, second = (table_formats.to_csv(tables.reconstruction_table(tmp_path / out)) for out in ("a", "b"))
    assert first == second


def test_text_is_escaped(tmp_path: Path) -> None:
    make_run(tmp_path, "x|y_[red]", {"a": 1.0})
    table = tables.reconstruction_table(tmp_path)
    assert r"The x\|y_[red]" in table_formats.to_markdown(table)
    assert r"The x|y\_[red]" in table_formats.to_latex(table)
    assert r"$\uparrow$" in table_formats.to_latex(table)


def test_titles_are_no_markup_and_no_formulas(tmp_path: Path) -> None:
    make_run(tmp_path, "a", {"x": -1.0})
    table = tables.reconstruction_table(tmp_path)
    table.titles["a"] = "[*b* `c` <i>](https://example.org)"
    table.caption = "Of *all*"
    markdown = table_formats.to_markdown(table)
    assert r"| [\*b\* \`c\` &lt;i>]\(https://example.org) |" in markdown and r"Of \*all\*" in markdown
    assert "\n{}[*b* \\textasciigrave{}c" in table_formats.to_latex(table)
    table.data["system"] = table.data["system"].replace({"a": '=HYPERLINK("x")'})
    text = table_formats.to_csv(table)
    assert '"\'=HYPERLINK(""x"")",' in text and ",-1.0000" in text
    assert '=HYPERLINK("x")' in map(spreadsheet_value, pd.read_csv(io.StringIO(text))["system"])


@pytest.mark.parametrize("text", ["=1+1", "+x", "-a", "@x", "\tx", "'=x", "''-x", "'quoted'", "-1.5", "-inf", "x", ""])
def test_a_text_in_a_spreadsheet_and_back(text: str) -> None:
    written = spreadsheet_text(text)
    assert spreadsheet_value(written) == text
    assert written in (text, "'" + text) and not written.startswith(("=", "@", "\t"))


def test_no_runs_is_explained_and_of_several_datasets_the_newest_is_shown(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no runs there"):
        tables.reconstruction_table(tmp_path)
    make_run(tmp_path, "a", {"x": 1.0})
    make_run(tmp_path, "a", {"x": 2.0}, dataset="other", started="2026-01-02")
    table = tables.reconstruction_table(tmp_path)
    assert table.data["si_sdr_db"].tolist() == [2.0], "the dataset of the newest run"
    assert f"{tmp_path} also holds runs over data: choose with --task" in table.notes
    assert tables.reconstruction_table(tmp_path, "data").data["si_sdr_db"].tolist() == [1.0]
    with pytest.raises(UserError, match="no runs over 'third'; there are data, other"):
        tables.reconstruction_table(tmp_path, "third")


@pytest.mark.parametrize("format", ["terminal", "markdown", "latex", "csv"])
def test_the_command_prints_and_writes(tmp_path: Path, cli_here: Cli, format: str) -> None:
    make_run(tmp_path / "runs", "mine", {"a": float("inf"), "b": float("inf")})
    result = cli_here("tables", "--format", format)
    assert result.returncode == 0, result.stderr
    assert ("inf" if format == "csv" else r"\infty" if format == "latex" else "∞") in result.stdout
    assert (tmp_path / "runs" / "table2.csv").is_file()


def test_column_sets(tmp_path: Path, cli: Cli) -> None:
    values = {"si_sdr_db": 3.0, "mel_distance": 0.5, "width_difference_db": -2.0}
    key = run_key("mine", metric_versions=dict.fromkeys(values, "1"))
    write_run(tmp_path, key, [measured_row("a", values)], system_card(), Session(started="2026-01-01"))
    paper = tables.reconstruction_table(tmp_path)
    assert "mel_distance" not in paper.data and "measured as well: --columns spectral, stereo or all" in paper.notes
    stereo = tables.reconstruction_table(tmp_path, columns="stereo")
    assert stereo.columns[1].header == "Width (dB) →0" and stereo.data["width_difference_db"].tolist() == [-2]
    level = tables.reconstruction_table(tmp_path, columns="level")
    assert any("reconstruct --columns level" in note for note in level.notes)
    every = tables.reconstruction_table(tmp_path, columns="all").data
    assert {*values, "fad", "mel_distance_side"} <= {*every}
    printed = cli("tables", tmp_path, "--columns", "stereo", COLUMNS="80").stdout
    assert "Width" in printed and max(map(len, printed.splitlines())) <= 80


def test_a_run_without_the_papers_metrics_shows_what_it_has(tmp_path: Path) -> None:
    row, key = measured_row("a", {"mel_distance": 0.5}), run_key("mine", metric_versions={"mel_distance": "1"})
    write_run(tmp_path, key, [row], system_card(), Session(started="2026-01-01"))
    assert [column.name for column in tables.reconstruction_table(tmp_path).columns[1:]] == ["mel_distance"]


def test_of_signed_metrics_the_nearest_to_zero_is_the_best(tmp_path: Path) -> None:
    for name, sign in (("quiet", -1), ("loud", 3)):
        rows = [measured_row(f"clip{i}", {"loudness_difference_lu": sign * (1 + 0.01 * i)}) for i in range(12)]
        key = run_key(name, metric_versions={"loudness_difference_lu": "1"})
        write_run(tmp_path, key, rows, system_card(), Session(started="2026-01-01"))
    compared = differences(measured_runs(tmp_path).runs)
    assert compared["better"].tolist() == ["quiet"]


@pytest.mark.parametrize(
    ("width", "parts"), [(200, [[0, 1, 2, 3]]), (40, [[0, 1], [0, 2], [0, 3]]), (60, [[0, 1, 2], [0, 3]])]
)
def test_wide_tables_are_split_between_columns(width: int, parts: list) -> None:
    assert column_parts(["System", *["x" * 17] * 3], [["a system", *["1.0 [0.9, 1.1]"] * 3]], width) == parts
