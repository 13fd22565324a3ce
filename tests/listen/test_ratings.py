"""MUSHRA scores by run and clip."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.runs import measured_row, run_key, stored_manifest, system_card

from m2l_bench.errors import UserError
from m2l_bench.listen.ratings import read_ratings
from m2l_bench.runs.measured import MeasuredRun

HEAD = "test,page,listener,seed,started,trial,trials,clip,position,system,role,score\n"


def run(name: str, adapter: str = "lab:Codec") -> MeasuredRun:
    rows = [measured_row(f"clip{i}", {"si_sdr_db": 1.0}) for i in range(2)]
    manifest = stored_manifest(run_key(name), system_card(name, adapter=adapter))
    return MeasuredRun(name, Path(name), manifest, rows, {})


def answers(path: Path, listener: str, reference: float, codec: float) -> Path:
    rows = ""
    for clip in range(3):
        start = f"mushra,P,{listener},7,2026,{clip},3,clip{clip}"
        rows += f"{start},1,original,hidden reference,{reference}\n{start},2,codec,system,{codec + clip}\n"
    path.write_text(HEAD + rows)
    return path


def test_scores_are_means_over_the_listeners_who_count_on_the_clips_of_a_run(tmp_path: Path) -> None:
    files = [
        answers(tmp_path / "anna.csv", "Anna", 100, 40),
        answers(tmp_path / "ben.csv", "Ben", 95, 60),
        answers(tmp_path / "cy.csv", "Cy", 50, 0),
    ]
    ratings = read_ratings(files, [run("codec"), run("repeats", "hidden-reference"), run("unheard")])
    assert ratings.scores == {
        "codec": {"clip0": 50, "clip1": 51},
        "repeats": {"clip0": 97.5, "clip1": 97.5},
    }
    assert ratings.notes[0].startswith("MUSHRA: mean scores of 2 listeners")
    assert "MUSHRA: Cy does not count: rated the hidden reference below 90" in ratings.notes[1]


def test_answers_about_other_runs_are_refused(tmp_path: Path) -> None:
    file = answers(tmp_path / "anna.csv", "Anna", 100, 40)
    with pytest.raises(UserError, match="no MUSHRA ratings of these runs"):
        read_ratings([file], [run("other")])
