"""Where metrics disagree: directions, intervals, what enters, what is explained, and the command."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap, spearmanr
from support.command_line import Cli
from support.runs import measured_row, run_key, stored_manifest, system_card, write_run

from m2l_bench.errors import UserError
from m2l_bench.metrics import metric
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.runs.schema import Session
from m2l_bench.tables.agreement import LISTENERS, Agreement, agreement_of, agreement_table, shortened
from m2l_bench.tables.disagreement import disagreeing_clips

Scores = Mapping[str, Mapping[str, float | None]]
SIX = {"si_sdr_db": [1.0, 4, 2, 8, 5, 7], "mel_distance": [9.0, 1, 8, 2, 7, 3]}


@pytest.fixture(autouse=True)
def warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def by_clip(values: list[float]) -> dict[str, float]:
    return {f"clip{i}": float(value) for i, value in enumerate(values)}


def rows_of(scores: Scores) -> list[object]:
    ids = sorted({id for values in scores.values() for id in values})
    return [measured_row(id, {name: values.get(id) for name, values in scores.items()}) for id in ids]


def measured(name: str, scores: Scores, kind: str = "neural") -> MeasuredRun:
    manifest = stored_manifest(run_key(name, metric_versions=dict.fromkeys(scores, "1")), system_card(name, kind=kind))
    return MeasuredRun(name, Path(name), manifest, rows_of(scores), {})  # type: ignore[arg-type]


def pair(agreement: Agreement, first: str, second: str) -> pd.Series:
    pairs = agreement.pairs
    return pairs[(pairs["first"] == first) & (pairs["second"] == second)].iloc[0]


def random_runs(
    systems: int = 4, clips: int = 12, metrics: tuple[str, ...] = ("si_sdr_db", "visqol")
) -> list[MeasuredRun]:
    rng = np.random.default_rng(0)
    return [
        measured(f"s{i}", {name: by_clip((i + rng.normal(0, 2, clips)).tolist()) for name in metrics})
        for i in range(systems)
    ]


def test_over_clips_is_the_mean_of_scipys_within_each_system_and_lower_may_be_better() -> None:
    """SI-SDR is better where it is higher, mel distance where it is lower."""
    first = {name: by_clip(values) for name, values in SIX.items()}
    second = {**first, "mel_distance": by_clip([1, 2, 3, 4, 5, 6])}
    row = pair(agreement_of([measured("a", first), measured("b", second)], list(SIX)), "si_sdr_db", "mel_distance")
    expected = [
        spearmanr(SIX["si_sdr_db"], [-value for value in distances]).statistic
        for distances in (SIX["mel_distance"], [1, 2, 3, 4, 5, 6])
    ]
    assert row["over_clips"] == pytest.approx(np.mean(expected)) and expected[0] > 0
    assert (row["systems"], row["clips"], row["systems_over_clips"]) == (2, 6, 2)
    assert np.isnan(row["over_systems"])


def test_over_systems_is_scipys_of_the_means_with_their_directions() -> None:
    means = {"si_sdr_db": [9.0, 4, 7, 1], "mel_distance": [0.1, 0.9, 1.5, 2.0], "visqol": [2.0, 3, 1, 4]}
    runs = [
        measured(f"s{i}", {name: by_clip([values[i] - 1, values[i] + 1]) for name, values in means.items()})
        for i in range(4)
    ]
    agreement = agreement_of(runs, list(means))
    for first, second in (("si_sdr_db", "mel_distance"), ("si_sdr_db", "visqol"), ("mel_distance", "visqol")):
        rows = agreement.pairs
        row = rows[rows[["first", "second"]].isin((first, second)).all(axis=1)].iloc[0]
        merits = [[metric(name).merit(value) for value in means[name]] for name in (first, second)]
        assert row["over_systems"] == pytest.approx(spearmanr(*merits).statistic), (first, second)
    assert agreement.pairs["over_systems"].is_monotonic_increasing, "those that agree least come first"
    assert agreement.pairs["over_clips"].isna().all(), "two clips have no rank correlation"


def test_of_a_metric_of_which_zero_is_best_magnitudes_count() -> None:
    scores = {"si_sdr_db": by_clip([4, 3, 2, 1]), "loudness_difference_lu": by_clip([0, -1, 2, -3])}
    row = agreement_of([measured("a", scores)], list(scores)).pairs.iloc[0]
    assert row["over_clips"] == pytest.approx(1)


def test_the_interval_over_clips_is_scipys_bootstrap() -> None:
    rng = np.random.default_rng(1)
    first = rng.normal(size=40)
    second = first + rng.normal(size=40)
    run = measured("a", {"si_sdr_db": by_clip(first.tolist()), "visqol": by_clip(second.tolist())})
    row = agreement_of([run], ["si_sdr_db", "visqol"]).pairs.iloc[0]
    theirs = bootstrap(
        (first, second),
        lambda x, y: spearmanr(x, y).statistic,
        paired=True,
        vectorized=False,
        n_resamples=2000,
        method="percentile",
        rng=1,
    ).confidence_interval
    assert row["over_clips_low"] == pytest.approx(theirs.low, abs=0.04)
    assert row["over_clips_high"] == pytest.approx(theirs.high, abs=0.04)
    assert row["over_clips_low"] < row["over_clips"] < row["over_clips_high"]


def test_all_systems_are_resampled_with_the_same_clips() -> None:
    """The systems differ by the same amount on every clip, so their order never changes."""
    base = np.random.default_rng(2).normal(0, 50, 15)
    runs = [
        measured(f"s{i}", {"si_sdr_db": by_clip((base + i).tolist()), "visqol": by_clip((2 * base - i % 3).tolist())})
        for i in range(5)
    ]
    row = agreement_of(runs, ["si_sdr_db", "visqol"]).pairs.iloc[0]
    assert row["over_systems_low"] == row["over_systems"] == row["over_systems_high"]
    assert row["over_clips"] == pytest.approx(1)


def test_exact_copies_rank_first_over_systems_and_have_no_order_of_clips() -> None:
    runs = [*random_runs(3), measured("copy", {"si_sdr_db": by_clip([np.inf] * 12), "visqol": by_clip([4.7] * 12)})]
    row = agreement_of(runs, ["si_sdr_db", "visqol"]).pairs.iloc[0]
    assert row["systems"] == 4 and row["systems_over_clips"] == 3 and np.isfinite(row["over_systems"])


def test_empty_cells_are_explained_in_a_line() -> None:
    scores = {
        "si_sdr_db": by_clip([1, 2, 3]),
        "visqol": by_clip([3, 3, 3]),
        "zimtohrli": dict.fromkeys(["clip0"], None),
    }
    runs = [measured("a", scores), measured("b", scores)]
    agreement = agreement_of(runs, list(scores))
    table = agreement_table(agreement, "data")
    assert agreement.metrics == ["si_sdr_db", "visqol"]
    notes = "\n".join(table.notes)
    assert "no correlation over systems, since fewer than 3 systems have both: all pairs" in notes
    assert "no correlation over clips, since no system has 3 clips with both on which both differ: all pairs" in notes
    assert "zimtohrli: not measured" in notes
    assert "2 systems: a, b" in notes
    equal = [
        measured(name, {"si_sdr_db": by_clip([1, 2, 3]), "visqol": by_clip([i, 2, 3])}) for i, name in enumerate("abc")
    ]
    notes = "\n".join(agreement_of(equal, ["si_sdr_db", "visqol"]).notes)
    assert "no correlation over systems, since one of them is equal on all systems: all pairs" in notes


def test_anchors_count_and_systems_without_a_metric_or_with_fewer_clips_are_named() -> None:
    runs = random_runs(3)
    low_pass = measured("low", {"si_sdr_db": by_clip([1, 2, 3])}, kind="anchor")
    agreement = agreement_of([*runs, low_pass], ["si_sdr_db", "visqol"])
    notes = "\n".join(agreement.notes)
    assert "4 systems: " in notes and "; anchors, which count as well: low" in notes
    assert "visqol: no value on low" in notes and "different numbers of clips, from 3 to 12" in notes
    assert agreement.pairs.iloc[0]["systems"] == 3


def test_one_metric_is_refused_in_a_line_that_says_what_to_do() -> None:
    with pytest.raises(UserError, match="a value for each clip: si_sdr_db; agreement needs two: m2l-bench reconstruct"):
        agreement_of([measured("a", {"si_sdr_db": by_clip([1, 2, 3])})], ["si_sdr_db"])


def test_listeners_are_one_more_metric_whose_pairs_come_first() -> None:
    runs = random_runs(4)
    scores = {run.name: {id: 10 * value for id, value in run.values("visqol").items()} for run in runs}
    agreement = agreement_of(runs, ["si_sdr_db", "visqol"], scores)
    row = pair(agreement, LISTENERS, "visqol")
    assert (row["over_systems"], row["over_clips"]) == (pytest.approx(1), pytest.approx(1))
    assert agreement.pairs["first"].tolist()[:2] == [LISTENERS, LISTENERS]
    assert agreement_table(agreement, "data").rule == 2
    few = agreement_of(runs, ["si_sdr_db", "visqol"], {"s0": scores["s0"]})
    assert "mushra: no value on" in "\n".join(few.notes) and pair(few, LISTENERS, "visqol")["systems"] == 1


def test_clips_are_those_whose_ranks_differ_most() -> None:
    first = {name: by_clip(values) for name, values in SIX.items()}
    worst = {"si_sdr_db": by_clip([1, 2, 3, 4, 5, 6]), "mel_distance": by_clip([6, 5, 4, 3, 2, 7])}
    constant = {"si_sdr_db": by_clip([1] * 6), "mel_distance": by_clip([1, 2, 3, 4, 5, 6])}
    alone = disagreeing_clips(agreement_of([measured("w", worst), measured("c", constant)], list(SIX)), "#{}".format)
    assert alone.iloc[0].to_dict() == {
        "first": "si_sdr_db",
        "second": "mel_distance",
        "clip": "clip5",
        "systems": 1,
        "first_rank": 1,
        "second_rank": 0,
        "difference": 1,
        "link": "#clip5",
    }
    assert len(alone) == 3
    both = disagreeing_clips(agreement_of([measured("w", worst), measured("f", first)], list(SIX)))
    # clip5: the best by SI-SDR in one, the second best in the other; by mel distance the worst and the third best
    assert both.iloc[0][["clip", "first_rank", "second_rank"]].tolist() == ["clip5", 0.9, 0.3]
    same = {"si_sdr_db": by_clip([1, 2, 3]), "visqol": by_clip([1, 2, 3])}
    assert disagreeing_clips(agreement_of([measured("s", same)], list(same))).empty


def test_a_long_table_is_shortened_and_says_so() -> None:
    names = ("si_sdr_db", "visqol", "mel_distance", "stft_distance", "channel_coherence", "mr_stft_auraloss")
    table = agreement_table(agreement_of(random_runs(3, 6, names), names), "data")
    short = shortened(table, "agreement.csv")
    assert len(table.data) == 15 and len(short.data) == 10
    assert short.notes[0] == "the first 10 of 15 pairs, which agree least: agreement.csv has all"
    assert shortened(short, "x") is short


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Runs of four systems over twelve clips with three metrics, one of which has no value."""
    rng = np.random.default_rng(0)
    for number in range(4):
        scores: dict[str, dict[str, float | None]] = {
            name: {**by_clip((number + rng.normal(0, 2, 12)).tolist())} for name in ("si_sdr_db", "mel_distance")
        }
        scores["visqol"] = dict.fromkeys(scores["si_sdr_db"], None)
        key = run_key(f"s{number}", metric_versions=dict.fromkeys(scores, "1"))
        session = Session(started="2026-01-01", not_measured={"zimtohrli": "its package is not installed"})
        write_run(tmp_path / "runs", key, rows_of(scores), system_card(f"s{number}"), session)  # type: ignore[arg-type]
    return tmp_path / "runs"


def test_the_command_prints_within_80_columns_and_writes_what_it_prints(cli_here: Cli, runs: Path) -> None:
    result = cli_here("agreement", COLUMNS="80")
    assert result.returncode == 0, result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert result.stderr.strip() == "wrote runs/agreement.csv, runs/agreement.md, runs/agreement_clips.csv"
    written = pd.read_csv(runs / "agreement.csv")
    assert written.loc[0, ["first", "second"]].tolist() == ["si_sdr_db", "mel_distance"] and len(written) == 1
    assert f"{written.loc[0, 'over_systems']:.2f}" in result.stdout and "Over clips" in result.stdout
    words = " ".join(result.stdout.split())
    assert "zimtohrli: not measured: its package is not installed" in words and "4 systems: s" in words
    markdown = (runs / "agreement.md").read_text()
    assert "| SI-SDR | Mel distance |" in markdown and "visqol: not measured" in markdown
    clips = pd.read_csv(runs / "agreement_clips.csv")
    assert clips["difference"].abs().is_monotonic_decreasing and len(clips) == 3
    assert clips.loc[0, "clip"] in result.stdout


def test_json_folder_and_columns_of_the_command(cli_here: Cli, runs: Path, tmp_path: Path) -> None:
    result = cli_here("agreement", "runs", "--task", "data", "--results", "new/tables", "--json")
    content = json.loads(result.stdout)
    assert content["rows"][0]["first"] == "si_sdr_db" and content["clips"][0]["second"] == "mel_distance"
    assert (tmp_path / "new/tables/agreement.md").is_file() and not (runs / "agreement.md").exists()
    for arguments, message in (
        (("--columns", "paper"), "error: metrics with a value for each clip: si_sdr_db; agreement needs two"),
        (("--task", "other"), "error: runs: no runs over 'other'; there are data"),
        (("--answers", "nobody.csv"), "error: nobody.csv: not readable as CSV"),
    ):
        failed = cli_here("agreement", *arguments)
        assert failed.returncode == 1 and failed.stderr.startswith(message), failed.stderr
        assert len(failed.stderr.strip().splitlines()) == 1
    assert cli_here("agreement", "--columns", "nothing").returncode == 2


def test_clips_have_links_to_the_page_and_answers_of_listeners_count(cli_here: Cli, runs: Path) -> None:
    page = runs.parent / "page"
    page.mkdir()
    entries = {"clips": [{"id": f"clip{i}"} for i in range(12)], "systems": [{"name": "s0"}], "dataset": "data"}
    (page / "data.js").write_text(f"const DATA = {json.dumps(entries)};")
    from m2l_bench.listen.writer import FINISHED

    (page / FINISHED).touch()
    answers = ["test,page,listener,seed,started,trial,trials,clip,position,system,role,score"]
    for system in range(4):
        answers += [f"mushra,P,Anna,7,2026,1,12,clip{i},1,s{system},system,{20 * system + i}" for i in range(12)]
    (runs.parent / "anna.csv").write_text("\n".join(answers))
    result = cli_here("agreement", "--answers", "anna.csv", COLUMNS="80")
    assert result.returncode == 0, result.stderr
    written = pd.read_csv(runs / "agreement.csv")
    assert written["first"].tolist() == ["mushra", "mushra", "si_sdr_db"]
    assert "MUSHRA: mean scores of 1 listener" in " ".join(result.stdout.split())
    clips = pd.read_csv(runs / "agreement_clips.csv")
    assert clips.loc[0, "link"] == f"../page/index.html#clip={clips.loc[0, 'clip']}"
