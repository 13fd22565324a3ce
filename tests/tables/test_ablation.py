"""Table 3 from rows of trainings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from m2l_bench.errors import UserError
from m2l_bench.tables import ablation
from m2l_bench.tables.ablation import METRICS, VARIANTS
from m2l_bench.tables.formats import text_rows, to_csv

PAPER = [
    ("Base Model", 1.808, 0.0563),
    ("+ Freq-wise Attention", 1.71, 0.0547),
    ("+ Adaptive Freq Scaling", 1.665, 0.0537),
]


def scored(base: float, attention: float, scaling: float) -> pd.DataFrame:
    """Two clips and two seeds, with distances that average to these."""
    rows = [
        {
            "system": variant.name,
            "parameters": 7,
            "iterations": 100,
            "crops": 800,
            "seed": seed,
            "clip": clip,
            **dict.fromkeys(METRICS, mean + clip + seed),
        }
        for variant, mean in zip(VARIANTS, (base, attention, scaling), strict=True)
        for seed in (-1, 1)
        for clip in (-0.5, 0.5)
    ]
    return pd.DataFrame(rows)


def test_means_differences_and_the_paper_s_figures() -> None:
    data = ablation.ablation_table(scored(10.0, 9.0, 7.0)).data
    assert list(data["log_spectral_distance_db"]) == [10, 9, 7]
    assert list(data["log_spectral_distance_db_from_base"])[1:] == [-1, -3]
    assert np.isnan(data["log_spectral_distance_db_from_base"][0])
    assert list(data["log_spectral_distance_db_from_base_high"])[1:] == [-1, -3], "pairs differ by the same"
    assert data["log_spectral_distance_db_low"][0] < 10
    assert set(data["log_spectral_distance_db_between_seeds"]) == {2}, "seeds lie at -1 and 1"
    assert list(zip(data["fad_paper"], data["fad_clap_paper"], strict=True)) == [row[1:] for row in PAPER]
    assert set(data["crops"]) == {800}
    assert set(data["clips"]) == set(data["seeds"]) == {2}


def test_one_training_has_no_spread() -> None:
    clips = scored(10.0, 9.0, 7.0)
    table = ablation.ablation_table(clips[clips["seed"] == 1])
    assert table.data["si_sdr_db_between_seeds"].isna().all()
    assert "between seeds" not in str(text_rows(table))
    assert "were not compared" in table.notes[1]


def test_the_table_is_that_of_its_rows(tmp_path: Path) -> None:
    clips = scored(10.0, 9.0, 7.0)
    csv, markdown, rows = ablation.write_ablation(ablation.ablation_table(clips), clips, tmp_path)
    assert to_csv(ablation.read_ablation(rows)) == csv.read_text()
    assert "| + Freq-wise Attention | 7 | 9.00 " in markdown.read_text()
    assert "100 iterations, 800 crops each; 2 held-out clips" in markdown.read_text()
    rows.write_text("system,clip\nbase,a\n")
    with pytest.raises(UserError, match=r"table3_clips.csv: not the rows of a Table 3"):
        ablation.read_ablation(rows)
