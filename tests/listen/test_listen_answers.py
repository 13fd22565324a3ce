"""Answers of blind tests: what is read, what is refused, and the figures that come out."""

from pathlib import Path

import pytest
from support.command_line import Cli

from m2l_bench.errors import UserError
from m2l_bench.listen.answers import read_answers
from m2l_bench.listen.statistics import abx_results, excluded_listeners, mushra_results, unfinished

ABX_HEAD = "test,page,listener,seed,started,trial,trials,clip,a,b,x,answer,correct,seconds\n"
MUSHRA_HEAD = "test,page,listener,seed,started,trial,trials,clip,position,system,role,score,seconds\n"


def abx(path: Path, listener: str, answers: str, planned: int | None = None) -> Path:
    """`answers` has a letter a trial: r(ight) or w(rong)."""
    rows = [
        f"abx,P,{listener},7,2026-01-01,{i + 1},{planned or len(answers)},clip,original,codec,{'ab'[i % 2]},"
        f"{'ab'[(i + (letter == 'w')) % 2]},,1.0\n"
        for i, letter in enumerate(answers)
    ]
    path.write_text(ABX_HEAD + "".join(rows))
    return path


def mushra(path: Path, listener: str, reference: list[float], codec: list[float]) -> Path:
    rows = ""
    for i, (one, two) in enumerate(zip(reference, codec, strict=True)):
        start = f"mushra,P,{listener},7,2026-01-01,{i + 1},{len(codec)},clip{i}"
        rows += f"{start},1,original,hidden reference,{one},9\n{start},2,codec,system,{two},9\n"
    path.write_text(MUSHRA_HEAD + rows)
    return path


def test_abx_is_the_binomial_test(tmp_path: Path) -> None:
    files = [abx(tmp_path / "anna.csv", "Anna", "r" * 12 + "w" * 4), abx(tmp_path / "ben.csv", "Ben", "rrrrrwwwww")]
    anna, ben, everybody = abx_results(read_answers(files).abx)
    assert (anna.listener, anna.correct, anna.trials) == ("Anna", 12, 16)
    assert anna.p == pytest.approx(2517 / 65536)  # (1820 + 560 + 120 + 16 + 1) / 2 ** 16
    assert ben.p == pytest.approx(638 / 1024)
    assert (everybody.listener, everybody.correct, everybody.trials) == ("all listeners", 17, 26)


def test_a_session_counts_once_and_a_stopped_one_is_named(tmp_path: Path) -> None:
    part = abx(tmp_path / "part.csv", "Anna", "rrrr", planned=6)
    whole = abx(tmp_path / "whole.csv", "Anna", "rrrrww")
    answers = read_answers([part, whole, whole])
    assert len(answers.abx) == 6
    assert len(answers.notes) == 2
    assert not unfinished(answers.abx)
    (note,) = unfinished(read_answers([part]).abx)
    assert "4 of 6" in note


def test_pairs_are_the_same_whichever_was_a(tmp_path: Path) -> None:
    abx(tmp_path / "one.csv", "Anna", "rr")
    swapped = abx(tmp_path / "two.csv", "Ben", "rw").read_text().replace("original,codec", "codec,original")
    (tmp_path / "two.csv").write_text(swapped.replace(",P,", ",Q,"))
    answers = read_answers([tmp_path / "one.csv", tmp_path / "two.csv"])
    assert {trial.pair for trial in answers.abx} == {("original", "codec")}
    assert answers.notes == ("answers of several pages are taken together: P, Q",)


def test_listeners_who_miss_the_hidden_reference_are_excluded(tmp_path: Path) -> None:
    # One of seven items is 14 %, one of six 17 %.
    files = [
        mushra(tmp_path / "keen.csv", "Keen", [100, 100, 95, 90, 100, 100, 80], [50, 52, 54, 56, 58, 60, 62]),
        mushra(tmp_path / "deaf.csv", "Deaf", [100, 100, 100, 100, 100, 89], [99, 99, 99, 99, 99, 99]),
    ]
    ratings = read_answers(files).mushra
    excluded = excluded_listeners(ratings)
    assert excluded == {"Deaf": "rated the hidden reference below 90 on 1 of 6 items"}
    reference, codec = mushra_results(ratings, excluded)
    assert (reference.system, reference.role, reference.ratings) == ("original", "hidden reference", 7)
    assert (codec.system, codec.mean) == ("codec", 56)
    # Standard deviation of 50, 52, ... 62 is 4.3205; t(0.975, 6) = 2.4469.
    assert codec.high - codec.mean == pytest.approx(2.4469 * 4.3205 / 7**0.5, abs=1e-3)


def test_the_command_prints_both(tmp_path: Path, cli: Cli) -> None:
    abx(tmp_path / "a.csv", "Anna", "rrrrrrrr", planned=9)
    mushra(tmp_path / "m.csv", "[red]Deaf", [80, 80], [20, 30])
    mushra(tmp_path / "n.csv", "Keen", [100, 95], [20, 30])
    result = cli("listen", "--results", "a.csv", "m.csv", "n.csv")
    assert result.returncode == 0, result.stderr
    assert "8/8" in result.stdout and "0.004" in result.stdout
    assert "excluded: [red]Deaf: rated the hidden reference below 90 on 2 of 2 items" in result.stdout
    assert "25.0" in result.stdout
    assert "8 of 9 trials" in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "its first line"),
        (MUSHRA_HEAD + "mushra,P,A,1,t,1,1,c,1,s,system,101,1\n", "line 2: a score is 0 to 100, not 101"),
        (ABX_HEAD + "abx,P,A,1,t,1,1,c,o,s,a,c,1,1\n", "line 2: x and answer are a or b"),
        (ABX_HEAD + "abx,P,A\n", "line 2"),
        ("\x00\xff", "not"),
    ],
)
def test_foreign_files_are_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "answers.csv").write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=message) as error:
        read_answers([tmp_path / "answers.csv"])
    assert "answers.csv" in str(error.value)


def test_names_that_look_like_formulas_come_back(tmp_path: Path) -> None:
    (trial, *_) = read_answers([abx(tmp_path / "a.csv", "'=Anna", "rr")]).abx
    assert trial.listener == "=Anna"
