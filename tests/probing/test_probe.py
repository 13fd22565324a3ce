"""The probing pipeline: what is on disk, what is done again, what bad data comes to, and the tables."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score
from support.audio import write
from support.command_line import M2L_BENCH, TESTS, Cli
from torch import Tensor, log
from torch.fft import rfft

import m2l_bench as mb
from m2l_bench.cards import Cards, load_cards
from m2l_bench.errors import UserError
from m2l_bench.metrics.probe_scores import interval
from m2l_bench.probing.models import models_to_probe
from m2l_bench.probing.pipeline import ProbeOptions, ProbeOutcome, make_probe_plan, probe
from m2l_bench.runs.probe import ProbeRun
from m2l_bench.runs.reconstruction import find_runs
from m2l_bench.shipped import shipped
from m2l_bench.tables import every as all_tables
from m2l_bench.tables import probes as probe_tables
from m2l_bench.tables.probe_differences import paired_difference

RATE = 8000
HEAD = "Path,Fold,Instrument (in full),Pitch\n"
PROBE = "probe: {hidden: [8], batch_size: 16, epochs: 12, patience: 4, seeds: 3, learning_rate: 0.03}\n"
TASK = (
    "name: toy-task\ntitle: Toy task\ndataset: tinysol\noptions: {target: instrument}\n"
    f"metrics: [micro_f1, macro_f1]\n{PROBE}"
)
TOYS = (
    "name: toy\ntitle: Toy\nkind: embedding\nadapter: support.toy_embedding:Toy\n",
    "name: silent\ntitle: Silent\nkind: embedding\nadapter: support.toy_embedding:Toy\noptions: {counter: COUNTER}\n",
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("M2L_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Ninety notes in TinySOL's layout: hums, hisses and clicks."""
    root, rng = tmp_path / "data", np.random.default_rng(0)
    time_axis = np.arange(RATE // 2) / RATE
    lines = []
    for i in range(90):
        kind = ("Clicks", "Hiss", "Hum")[i % 3]
        audio = 0.02 * rng.standard_normal(len(time_axis)) * (10 if kind == "Hiss" else 1)
        audio += 0.2 * np.sin(2 * np.pi * rng.uniform(100, 300) * time_axis) * (kind == "Hum")
        audio[:: int(rng.integers(300, 600))] += 0.7 * (kind == "Clicks")
        lines.append(f"{kind}/{i:03}.wav,{i % 5},{kind},C{i % 7}\n")
        write(root / "audio" / kind / f"{i:03}.wav", audio[None].astype(np.float32), RATE)
    (root / "annotation").mkdir()
    (root / "annotation" / "TinySOL_metadata.csv").write_text(HEAD + "".join(lines))
    return root


@pytest.fixture
def cards_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "cards"
    folder.mkdir()
    (folder / "toy-task.yaml").write_text(TASK)
    for i, card in enumerate(TOYS):
        (folder / f"toy{i}.yaml").write_text(card.replace("COUNTER", str(tmp_path / "counter")))
    return folder


@pytest.fixture
def cards(cards_folder: Path) -> Cards:
    return load_cards([cards_folder])


def run(cards: Cards, data: Path, out: Path, models: str = "toy", **options: object) -> list[ProbeOutcome]:
    settings = ProbeOptions(out=out, **options)  # type: ignore[arg-type]
    every_model = models_to_probe(cards, models.split(","))
    plan = make_probe_plan(cards.probe_task("toy-task"), every_model, data, settings, skip_unavailable=False)
    return probe(plan, settings)


def only_run(outcomes: list[ProbeOutcome]) -> ProbeRun:
    ((folder,),) = [outcome.folders for outcome in outcomes]
    return ProbeRun(folder)


def test_every_number_can_be_traced_to_the_scores_on_disk(cards: Cards, data: Path, tmp_path: Path) -> None:
    probed = only_run(run(cards, data, tmp_path / "runs"))
    assert probed.folder == tmp_path / "runs" / "probe-toy-task" / "toy"
    items, results = probed.items.items, probed.results
    assert results.clips == {"train": 72, "validation": 9, "test": 9} and len(items) == 9
    assert probed.scores.shape == (3, 9, 3) and probed.scores.dtype == np.float32
    classes = probed.items.classes
    truth = [classes.index(item.labels[0]) for item in items]
    figure = results.metrics["macro_f1"]
    seeds = [f1_score(truth, seed.argmax(axis=1), average="macro", labels=[0, 1, 2]) for seed in probed.scores]
    assert figure.seeds == pytest.approx(seeds, abs=1e-6) and figure.mean == pytest.approx(np.mean(seeds))
    assert figure.std == pytest.approx(np.std(seeds, ddof=1))
    assert figure.low <= figure.mean <= figure.high and len(figure.resampled) == results.resamples == 1000
    assert np.sum(results.confusion) == pytest.approx(9) and len(results.histories) == 3
    assert probed.key.settings.hidden == [8] and probed.key.seeds == 3
    assert "scikit-learn" in probed.manifest.made.packages
    assert figure.mean > 0.6  # three numbers tell a hum from a hiss


def test_the_scores_of_a_groups_clips_become_one_item(cards: Cards, data: Path, tmp_path: Path) -> None:
    settings = ProbeOptions(out=tmp_path / "runs", classifier="knn")
    plan = make_probe_plan(
        cards.probe_task("toy-task"), models_to_probe(cards, ["toy"]), data, settings, skip_unavailable=False
    )
    clips = tuple(replace(clip, group=f"all {clip.labels[0]}") for clip in plan.dataset.clips)
    plan = replace(plan, dataset=replace(plan.dataset, clips=clips, test_by_group=True))
    probed = only_run(probe(plan, settings))
    assert {item.id: item.labels for item in probed.items.items} == {
        f"all {kind}": [kind] for kind in ("Clicks", "Hiss", "Hum")
    }
    assert probed.scores.shape == (1, 3, 3) and np.sum(probed.results.confusion) == pytest.approx(3)
    assert probed.results.clips["test"] == 9 and probed.results.metrics["micro_f1"].mean == 1


def test_a_run_is_only_done_again_where_something_decides_its_numbers(
    cards: Cards, cards_folder: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "runs"
    first = only_run(run(cards, data, out))
    written = first.folder.joinpath("results.json").stat().st_mtime_ns
    again = only_run(run(cards, data, out))
    assert again.folder == first.folder and again.folder.joinpath("results.json").stat().st_mtime_ns == written
    names = [
        only_run(run(cards, data, out, seeds=2)).folder.name,
        only_run(run(cards, data, out, classifier="linear")).folder.name,
        only_run(run(cards, data, out, classifier="knn")).folder.name,
        only_run(run(cards, data, out, fractions=(0.1,))).folder.name,
    ]
    assert names == ["toy@seeds2", "toy@linear", "toy@knn", "toy@train0.1"]
    (cards_folder / "toy-task.yaml").write_text(TASK.replace("[8]", "[4]"))
    assert only_run(run(load_cards([cards_folder]), data, out)).folder.name == "toy~2"
    some = next((data / "audio").rglob("*.wav"))
    write(some, 0.1 * np.ones((1, RATE // 2), np.float32), RATE)
    assert only_run(run(cards, data, out)).folder.name == "toy~3"
    assert find_runs(out) == []  # the tables of reconstructions do not see them


def test_equal_commands_give_equal_scores(cards: Cards, data: Path, tmp_path: Path) -> None:
    one, other = (only_run(run(cards, data, tmp_path / name)) for name in ("a", "b"))
    assert (one.scores == other.scores).all() and one.results == other.results


def test_bad_clips_are_left_out_and_named(cards: Cards, data: Path, tmp_path: Path) -> None:
    files = sorted((data / "audio").rglob("*.wav"))
    files[40].write_bytes(b"\xff\xfb\x90\x00" + b"noise" * 100)
    (outcome,) = run(cards, data, tmp_path / "runs")
    assert list(outcome.failed) == [files[40].stem] and not outcome.problem
    clips = only_run([outcome]).results.clips
    assert sum(clips.values()) == 89
    files[40].unlink()
    assert only_run(run(cards, data, tmp_path / "runs")).folder.name == "toy~2"


def test_features_that_are_no_numbers_are_one_models_problem(cards_folder: Path, data: Path, tmp_path: Path) -> None:
    (cards_folder / "nan.yaml").write_text(
        "name: nan\ntitle: NaN\nkind: embedding\nadapter: support.toy_embedding:Toy\noptions: {gives_nan: true}\n"
    )
    bad, good = run(load_cards([cards_folder]), data, tmp_path / "runs", "nan,toy")
    assert "features of none of the 90 clips" in bad.problem and "NaN" in bad.problem
    assert good.folders and not good.problem


def test_bad_datasets_are_one_line_each(cards: Cards, data: Path, tmp_path: Path) -> None:
    csv = data / "annotation" / "TinySOL_metadata.csv"
    whole = csv.read_text()
    csv.write_text(whole + "Bell/0.wav,0,Bell,C1\n")
    with pytest.raises(UserError, match="the class 'Bell' has only one member"):
        run(cards, data, tmp_path / "runs")
    csv.write_text(whole)
    (data / "splits.csv").write_text("id,split\n" + "".join(f"{i:03},train\n" for i in range(90)))
    with pytest.raises(UserError, match="in the validation split"):
        run(cards, data, tmp_path / "runs")
    (data / "splits.csv").unlink()
    shutil.rmtree(data / "audio" / "Hum")
    (outcome,) = run(cards, data, tmp_path / "runs")
    notes = only_run([outcome]).results.notes
    assert "no clip of 'Hum' in the test split" in notes
    assert not (tmp_path / "runs" / "probe-toy-task" / "toy" / ".lock.tmp").exists()


def test_a_clip_without_a_label_is_left_out(cards: Cards, data: Path, tmp_path: Path) -> None:
    csv = data / "annotation" / "TinySOL_metadata.csv"
    csv.write_text(csv.read_text().replace("000.wav,0,Clicks,", "000.wav,0,,"))
    probed = only_run(run(cards, data, tmp_path / "runs"))
    assert sum(probed.results.clips.values()) == 89


def test_metrics_must_fit_the_labels(cards_folder: Path, data: Path, tmp_path: Path) -> None:
    (cards_folder / "toy-task.yaml").write_text(TASK.replace("micro_f1", "roc_auc"))
    with pytest.raises(UserError, match=r"no metric 'roc_auc' of such labels; there are micro_f1, macro_f1"):
        run(load_cards([cards_folder]), data, tmp_path / "runs")


def test_a_killed_command_goes_on_where_it_stopped(
    cards: Cards,
    cards_folder: Path,
    data: Path,
    tmp_path: Path,
    cache: Path,
    cli_here: Cli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed among its features; the second command computes only the others, and the numbers are the same."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "slow_toy.py").write_text(
        "import time\nfrom support.toy_embedding import Toy\nclass Slow(Toy):\n"
        "    def embed(self, audio):\n        time.sleep(0.05)\n        return super().embed(audio)\n"
    )
    (cards_folder / "toy0.yaml").write_text(
        TOYS[0].replace("support.toy_embedding:Toy", "slow_toy:Slow") + f"options: {{counter: {tmp_path / 'count'}}}\n"
    )
    command = ["probe", "--task", "toy-task", "--models", "toy", "--data", str(data), "--cards", str(cards_folder)]
    path = os.pathsep.join([str(tmp_path), TESTS, os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [*M2L_BENCH, *command],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        stderr=subprocess.DEVNULL,
    )
    counter = tmp_path / "count"
    while not (counter.exists() and len(counter.read_text()) > 20):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len(list((cache / "features").rglob("clips/*/[!.]*.npy")))
    assert 20 <= done < 90 and not list((tmp_path / "runs").rglob("results.json"))
    before = len(counter.read_text())
    result = cli_here(*command)
    assert result.returncode == 0, result.stderr
    assert len(counter.read_text()) == before + 90 - done
    resumed = ProbeRun(tmp_path / "runs" / "probe-toy-task" / "toy")
    assert (resumed.scores == only_run(run(cards, data, tmp_path / "fresh")).scores).all()


def test_shards_compute_the_features_that_the_whole_command_finds(
    cards: Cards, cards_folder: Path, data: Path, tmp_path: Path, cache: Path, cli_here: Cli
) -> None:
    counter = tmp_path / "count"
    (cards_folder / "toy0.yaml").write_text(TOYS[0] + f"options: {{counter: {counter}}}\n")
    (data / "audio" / "Hum" / "002.wav").write_bytes(b"RIFF")
    command = ["probe", "--task", "toy-task", "--models", "toy", "--data", str(data), "--cards", str(cards_folder)]
    for index in (2, 1, 3):
        result = cli_here(*command, "--shard", f"{index}/3")
        broken = "002" in result.stderr
        assert result.returncode == 3 * broken and f"shard {index}/3 is done: 30 of 90 clips" in result.stderr
        assert not (tmp_path / "runs").exists() and not list(cache.rglob("matrices"))
    assert len(counter.read_text()) == len(list((cache / "features").rglob("clips/*/[!.]*.npy"))) == 89
    assert json.loads(cli_here(*command, "--shard", "1/3", "--json").stdout)["models"][0]["runs"] == []
    empty = cli_here(*command, "--shard", "91/91")
    assert empty.returncode == 0 and "shard 91/91 is done: 0 of 90 clips" in empty.stderr
    assert cli_here(*command).returncode == 3
    assert len(counter.read_text()) == 89
    probed = ProbeRun(tmp_path / "runs" / "probe-toy-task" / "toy")
    assert (probed.scores == only_run(run(cards, data, tmp_path / "fresh")).scores).all()


@pytest.mark.full
def test_models_on_the_same_clips_are_compared_pairwise(cards: Cards, data: Path, tmp_path: Path) -> None:
    toy, chroma = (
        ProbeRun(run_of_model.folders[0]) for run_of_model in run(cards, data, tmp_path / "runs", "toy,chroma")
    )
    difference = paired_difference("macro_f1", toy, chroma)
    assert difference is not None and difference.clips == 9
    means = [run_of_model.results.metrics["macro_f1"].mean for run_of_model in (toy, chroma)]
    assert difference.difference == pytest.approx(means[0] - means[1]) and difference.low <= difference.high
    same = paired_difference("macro_f1", toy, toy)
    assert same is not None and (same.difference, same.p) == (0.0, 1.0)
    # With one test clip less in one of them, the others are compared.
    shorter = chroma.items.model_copy(update={"items": chroma.items.items[1:]})
    chroma.__dict__["items"], chroma.__dict__["scores"] = shorter, chroma.scores[:, 1:]
    fewer = paired_difference("macro_f1", toy, chroma)
    assert fewer is not None and fewer.clips == 8


def test_intervals_lie_around_the_value_whatever_resampling_does_to_it() -> None:
    drawn = 0.5 + 0.1 * np.random.default_rng(0).standard_normal(4000)
    low, high = interval(drawn, 0.4)
    assert (low, high) == pytest.approx((0.4 - 0.196, 0.4 + 0.196), abs=0.01)


def test_tables_of_the_papers_tasks_and_of_others_are_never_one(cards_folder: Path, data: Path, tmp_path: Path) -> None:
    mapped = TASK.replace("toy-task", "toy-paper").replace("Toy task", "As in the paper")
    (cards_folder / "toy-paper.yaml").write_text(mapped + "table1: {macro_f1: tinysol_instrument_macro_f1}\n")
    (cards_folder / "mine.yaml").write_text(TOYS[0].replace("name: toy", "name: mine") + "paper_row: CLMR\n")
    cards, out = load_cards([cards_folder]), tmp_path / "runs"
    options = ProbeOptions(out=out, fractions=(0.2, 1.0))
    for task in ("toy-task", "toy-paper"):
        models = models_to_probe(cards, ["toy", "mine"])
        probe(make_probe_plan(cards.probe_task(task), models, data, options, skip_unavailable=False), options)
    written = all_tables.regenerate(out, None, tmp_path / "results")
    assert list(written.tables) == ["table1", "mini/table1"]
    paper = pd.read_csv(tmp_path / "results" / "table1.csv").set_index("system")
    published = pd.read_csv(shipped("results/published/paper") / "table1.csv").set_index("model").drop(columns="system")
    assert (
        paper.loc["mine", "tinysol_instrument_macro_f1_paper"] == published.loc["CLMR", "tinysol_instrument_macro_f1"]
    )
    measured = ProbeRun(out / "probe-toy-paper" / "mine").results.metrics["macro_f1"].mean
    assert paper.loc["mine", "tinysol_instrument_macro_f1"] == pytest.approx(100 * measured, abs=1e-4)
    assert pd.isna(paper.loc["music2latent", "mtt_auc_roc"]) and paper.loc["music2latent", "mtt_auc_roc_paper"] == 88.6
    assert pd.isna(paper.loc["toy", "mtt_auc_roc_paper"]) and "toy_paper_micro_f1" in paper.columns
    assert [name for name in paper.columns if name.startswith("toy_task")] == []
    mini = pd.read_csv(tmp_path / "results" / "mini" / "table1.csv")
    assert set(mini["system"]) == {"toy", "mine"} and not [name for name in mini.columns if name.endswith("_paper")]
    assert not set(published.columns) & set(mini.columns) and "toy_task_macro_f1_std" in mini.columns
    compared = pd.read_csv(tmp_path / "results" / "table1_differences.csv")
    assert set(compared["metric"]) == {"micro_f1", "macro_f1"} and (compared["p"] == 1).all()
    curves = pd.read_csv(tmp_path / "results" / "mini" / "learning_curves.csv")
    assert sorted(set(curves["fraction"])) == [0.2, 1.0] and sorted(set(curves["train_clips"])) == [15, 72]
    text = (tmp_path / "results" / "table1.md").read_text()
    assert "CLMR" not in text.split("| ")[0] and "Toy" in text and "paper" in text
    only = all_tables.regenerate(out, "toy-task", tmp_path / "other")
    assert list(only.tables) == ["mini/table1"]


def test_only_the_newest_run_is_shown(cards: Cards, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    run(cards, data, out, seeds=2)
    run(cards, data, out)
    probes = probe_tables.load_probes(out, lambda run: run.is_whole)
    assert probes.runs["toy-task", "toy"].key.seeds == 3
    assert probes.notes == ["toy-task: toy@seeds2 is an earlier run, not shown"]


@pytest.mark.slow
def test_the_command_line(cli: Cli, cli_here: Cli, cards_folder: Path, data: Path, tmp_path: Path) -> None:
    common = ("--cards", cards_folder, "--data", data, "--task", "toy-task")
    path = os.pathsep.join([TESTS, os.environ.get("PYTHONPATH", "")])
    shown = cli("probe", *common, "--models", "toy,mel-mean", PYTHONPATH=path)
    assert shown.returncode == 0, shown.stderr
    assert "90 clips (72 train" in shown.stderr and "Mean log-mel spectrum" in shown.stdout
    listed = json.loads(cli_here("probe", *common, "--models", "toy", "--json").stdout)
    (row,) = listed["table"]["rows"]
    assert row["system"] == "toy" and row["seeds"] == 3 and listed["models"][0]["failed"] == {}
    written = cli_here("tables", "--json")
    assert written.returncode == 0 and "mini/table1" in json.loads(written.stdout)
    assert (tmp_path / "runs" / "mini" / "table1.csv").is_file()
    sorted((data / "audio").rglob("*.wav"))[0].write_bytes(b"broken")
    broken = cli_here("probe", *common, "--models", "toy")
    assert broken.returncode == 3 and "'000' left out" in broken.stderr
    mistakes = {
        ("--task", "bundled"): "reconstruction task: run `m2l-bench reconstruct --task bundled`",
        ("--task", "mini-tinysol-pitc"): "did you mean 'mini-tinysol-pitch'?",
        ("--task", "toy-task", "--cards", cards_folder, "--data", "nowhere"): "no tinysol there",
        ("--task", "toy-task", "--cards", cards_folder, "--train-fraction", "0.1,2"): "up to 1",
        ("--task", "toy-task", "--cards", cards_folder, "--models", "musicn"): "did you mean 'musicnn'?",
        ("--task", "toy-task", "--cards", cards_folder, "--models", "dac", "--data", data): "dac:",
    }
    for arguments, message in mistakes.items():
        result = cli_here("probe", *arguments)
        assert result.returncode == 1 and message in result.stderr, (arguments, result.stderr)
        assert len(result.stderr.strip().splitlines()) == 1
    assert cli_here("probe").returncode == 2
    tasks = {card["name"] for card in json.loads(cli_here("tasks", "--json").stdout)}
    assert {"bundled", "beatport", "mini-tinysol-pitch"} <= tasks
    assert "key_micro" in cli_here("tasks", "beatport").stdout
    assert "probing task" in cli_here("reconstruct", "--task", "beatport").stderr


class Spectrum:
    """A codec whose features are the levels of eight bands."""

    sample_rate = 44_100

    def encode(self, audio: Tensor) -> Tensor:
        return audio

    decode = encode

    def features(self, audio: Tensor) -> Tensor:
        bands = rfft(audio[:, 0]).abs()[:, :4096].unflatten(1, (8, -1)).mean(2)
        return log(bands + 1e-3)[:, :, None]


def test_an_object_with_features_is_probed_from_python(data: Path, cards_folder: Path, cache: Path) -> None:
    scores = mb.probe({"bands": Spectrum()}, "toy-task", data=data, cards=[cards_folder])
    table = scores.table()
    assert list(table.index) == ["bands"] and table.loc["bands", "toy_task_micro_f1"] > 60
    assert scores.significance().empty, "one model has no pair"
    with pytest.raises(UserError, match="bare: its encoder is not part of this package"):
        mb.probe({"bare": mb.load_codec("opus-24k").codec}, "toy-task", data=data, cards=[cards_folder])
    assert not list(cache.rglob("bands-*")), "nothing identifies the object, so its features are not kept"
