"""Where a set is too small for a Fréchet distance, tables, figures and comparisons show the kernel distance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.runs import measured_row, run_key, system_card, write_run

from m2l_bench.plots.runs import choose_metrics, measured_metrics
from m2l_bench.report.headline import headline
from m2l_bench.runs.distances import ORIGINALS, vectors_digest, write_distance
from m2l_bench.runs.measured import measured_runs
from m2l_bench.runs.schema import StoredDistance
from m2l_bench.tables import formats
from m2l_bench.tables.rate_quality import rate_quality_table
from m2l_bench.tables.reconstruction import reconstruction_table, table_of
from m2l_bench.tables.significance import differences

IDS = [f"clip{i}" for i in range(10)]
SCATTER = np.random.default_rng(0).normal(0, 0.01, 200)


def make_run(out: Path, system: str, value: float, kernel: float | None, frames: int = 20, dim: int = 512) -> None:
    """A run with FAD-CLAP and KAD-CLAP of ten clips; `frames` vectors in all."""
    rows = [measured_row(id, {}, frames={"fad_clap": frames // 10}) for id in IDS]
    folder = write_run(out, run_key(system, metric_versions={"fad_clap": "1"}), rows, system_card(system))
    distance = StoredDistance(
        digest=vectors_digest("fad_clap", "1", "r", rows),
        reference_digest="r",
        value=value,
        low=value - 0.1,
        high=value + 0.1,
        resampled=(value + SCATTER).tolist(),
        kernel=kernel,
        kernel_low=None if kernel is None else kernel - 0.5,
        kernel_high=None if kernel is None else kernel + 0.5,
        kernel_resampled=[] if kernel is None else (kernel + SCATTER).tolist(),
        coverage=0.75,
        dim=dim,
        clips=10,
        frames=frames,
        reference_frames=frames,
        notes=["too few to know a covariance"] if frames <= dim else [],
    )
    write_distance(folder, ORIGINALS, "fad_clap", distance)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """`a` is better by FAD and `b` by KAD; only `b` has too few vectors."""
    make_run(tmp_path, "a", 0.1, 3.0, frames=1000)
    make_run(tmp_path, "b", 0.2, 1.0)
    return tmp_path


def test_the_table_shows_the_kernel_distance_and_is_sorted_by_it(small: Path) -> None:
    table = reconstruction_table(small)
    assert list(table.data["system"]) == ["b", "a"]
    text = formats.to_markdown(table)
    assert "| b | 10 | 1.00 [0.50, 1.50] |" in text and "KAD-CLAP ↓" in text and "FAD-CLAP" not in text
    assert "KAD-CLAP" in formats.to_latex(table) and "Fréchet and kernel distances against" in table.caption
    assert "b: fad_clap: too few to know a covariance" in table.notes
    assert any(note.startswith("fad_clap: too few vectors, so kad_clap is shown") for note in table.notes)


def test_the_csv_file_has_both(small: Path) -> None:
    data = reconstruction_table(small).data.set_index("system")
    names = ["fad_clap", "fad_clap_low", "kad_clap", "kad_clap_low", "kad_clap_high", "coverage_clap"]
    assert data.loc["b", names].tolist() == [0.2, 0.1, 1.0, 0.5, 1.5, 0.75]
    measured = measured_runs(small)
    pareto = rate_quality_table(table_of(measured), measured, {}).data.set_index("system")
    assert pareto.loc["b", names[:5]].tolist() == [0.2, 0.1, 1.0, 0.5, 1.5]


def test_with_enough_vectors_the_frechet_distance_is_shown(tmp_path: Path) -> None:
    for name, value, kernel in (("a", 0.1, 3.0), ("b", 0.2, 1.0)):
        make_run(tmp_path, name, value, kernel, frames=1000)
    table = reconstruction_table(tmp_path)
    assert list(table.data["system"]) == ["a", "b"] and "FAD-CLAP ↓" in formats.to_markdown(table)
    assert table.data["kad_clap_low"].tolist() == [2.5, 0.5]
    assert "kad_clap" not in rate_quality_table(table, measured_runs(tmp_path), {}).data


def test_without_kernel_distances_the_frechet_distance_stays(tmp_path: Path) -> None:
    make_run(tmp_path, "a", 0.1, None)
    assert "0.1000 [0.0000, 0.2000]" in formats.to_markdown(reconstruction_table(tmp_path))


def test_both_are_compared_and_the_headline_is_about_the_one_that_is_shown(small: Path) -> None:
    measured = measured_runs(small)
    compared = differences(measured.runs).set_index("metric")
    assert compared["better"].to_dict() == {"fad_clap": "a", "kad_clap": "b"}
    assert abs(compared.loc["kad_clap", "difference"]) == 2 and compared.loc["kad_clap", "clips"] == 10
    sentence = headline(table_of(measured), measured.runs, compared.reset_index())
    assert sentence == "b is best by KAD-CLAP (1.00; significantly better than the other one)."


def test_figures_show_it_too_and_each_can_be_asked_for(small: Path) -> None:
    runs = measured_runs(small).runs
    assert measured_metrics(runs) == choose_metrics(runs, []) == ["kad_clap"]
    assert choose_metrics(runs, ["fad_clap", "kad_clap"]) == ["fad_clap", "kad_clap"]
