"""Distances in the reconstruction pipeline: vectors beside the rows, resumed, explained where they are missing."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from support.audio import music, write
from support.command_line import M2L_BENCH, TESTS, Cli
from support.toy_embedding import CARD

from m2l_bench.cards import load_cards
from m2l_bench.errors import UserError
from m2l_bench.metrics.frechet import frechet_distance, statistics
from m2l_bench.reconstruction.pipeline import Outcome, reconstruct
from m2l_bench.reconstruction.plan import Settings, make_plan
from m2l_bench.runs.distances import read_distances, write_distance
from m2l_bench.runs.reconstruction import read_rows
from m2l_bench.runs.schema import StoredDistance
from m2l_bench.tables.reconstruction import reconstruction_table


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    """The task `sets`: SI-SDR and the toy's distance; its weights are a file with a number."""
    folder = tmp_path / "cards"
    folder.mkdir()
    (folder / "sets.yaml").write_text("name: sets\ntitle: Sets\ndataset: folder\nmetrics: [si_sdr_db, fad_toy]\n")
    (folder / "toy.yaml").write_text(CARD)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "originals"
    for i in range(9):
        write(folder / f"clip{i}.wav", music(seconds=1.2, seed=i))
    return folder


def run(cards_folder: Path, data: Path, out: Path, models: str = "lowpass-3.5k", **settings: object) -> list[Outcome]:
    cards = load_cards([cards_folder])
    plan_settings = Settings(out=out, jobs=1, **settings)  # type: ignore[arg-type]
    systems = [cards.system(name) for name in models.split(",")]
    plan = make_plan(
        cards.task("sets"), systems, data, plan_settings, skip_unavailable=False, embeddings=cards.embeddings
    )
    return reconstruct(plan, plan_settings)


def test_the_distance_is_that_of_the_vectors_on_disk(cards: Path, data: Path, tmp_path: Path) -> None:
    lowpass, reference = run(cards, data, tmp_path / "runs", "lowpass-3.5k,reference")
    vectors = sorted((lowpass.folder / "embeddings" / "toy").glob("*.npy"))
    (originals,) = (lowpass.folder.parent / "_originals").iterdir()
    assert len(vectors) == 9 and originals.name.startswith("toy-")
    expected = frechet_distance(
        statistics([np.load(path) for path in sorted(originals.glob("*.npy"))]),
        statistics([np.load(path) for path in vectors]),
    )
    distance = read_distances(lowpass.folder)["fad_toy"]
    assert distance.value == pytest.approx(expected, rel=1e-9) and expected > 0
    assert distance.low < distance.value < distance.high
    assert (distance.clips, distance.frames, distance.reference_frames, distance.paired) == (9, 36, 36, True)
    assert read_distances(reference.folder)["fad_toy"].value == pytest.approx(0, abs=1e-6)
    table = reconstruction_table(tmp_path / "runs").data.set_index("system")
    assert table.loc["lowpass-3.5k", "fad_toy"] == distance.value
    assert table.loc["lowpass-3.5k", "fad_toy_infinity"] == distance.infinity
    figures = [table.loc["lowpass-3.5k", f"kad_toy{end}"] for end in ("", "_low", "_high")]
    assert figures == [distance.kernel, distance.kernel_low, distance.kernel_high]
    assert table.loc["lowpass-3.5k", "density_toy"] == distance.density > 0
    assert table.loc["reference", "coverage_toy"] == 1


def test_distances_of_version_0_2_gain_what_they_lack(cards: Path, data: Path, tmp_path: Path) -> None:
    (outcome,) = run(cards, data, tmp_path / "runs")
    measured = read_distances(outcome.folder)["fad_toy"]
    new = {"kernel_low", "kernel_high", "kernel_resampled", "precision", "recall", "density", "coverage"}
    write_distance(outcome.folder, "originals", "fad_toy", StoredDistance(**measured.model_dump(exclude=new)))
    assert read_distances(outcome.folder)["fad_toy"].coverage is None
    run(cards, data, tmp_path / "runs")
    assert read_distances(outcome.folder)["fad_toy"] == measured


def test_only_what_is_missing_is_embedded_and_distances_follow_the_rows(
    cards: Path, data: Path, tmp_path: Path
) -> None:
    out, counter = tmp_path / "runs", tmp_path / "counter"
    (cards / "toy.yaml").write_text(CARD + f"options: {{counter: {counter}}}\n")

    def count_requests() -> int:
        before = counter.stat().st_size if counter.exists() else 0
        run(cards, data, out)
        return counter.stat().st_size - before

    assert count_requests() == 18
    (folder,) = (path.parent for path in out.glob("*/*/manifest.json"))
    first = read_distances(folder)["fad_toy"]
    assert count_requests() == 0
    (folder / "embeddings" / "toy" / "clip3.npy").unlink()
    assert count_requests() == 1
    assert read_distances(folder)["fad_toy"] == first
    write(data / "new.wav", music(seed=77))
    assert count_requests() == 2
    assert read_distances(folder)["fad_toy"].clips == 10
    (folder / "distances.json").unlink()
    assert read_distances(folder) == {} and count_requests() == 0
    assert read_distances(folder)["fad_toy"].clips == 10


def test_rows_without_their_distance_are_not_shown_with_an_old_one(cards: Path, data: Path, tmp_path: Path) -> None:
    (outcome,) = run(cards, data, tmp_path / "runs")
    rows = read_rows(outcome.folder)
    with (outcome.folder / "rows.jsonl").open("w") as journal:
        later = rows[0].model_copy(update={"id": "killed after this clip"})
        journal.write(json.dumps(later.to_columns()) + "\n")
    assert read_distances(outcome.folder) == {}


def test_missing_weights_leave_an_empty_cell_that_says_why_and_is_filled_later(
    cards: Path, data: Path, tmp_path: Path
) -> None:
    (cards / "toy.yaml").write_text(CARD + "weights: {weights: {url: 'http://localhost/toy.txt', megabytes: 1}}\n")
    (outcome,) = run(cards, data, tmp_path / "runs")
    assert outcome.measured == 9 and not outcome.failed
    expected = "fad_toy: not measured: its weights are not on this machine: m2l-bench weights get toy"
    assert expected in reconstruction_table(tmp_path / "runs").notes
    assert "fad_toy" not in read_distances(outcome.folder)
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "toy.txt").write_text("2.0")
    (again,) = run(cards, data, tmp_path / "runs", weights_dir=weights)
    assert again.folder == outcome.folder
    two = read_distances(outcome.folder)["fad_toy"].value
    (weights / "toy.txt").write_text("4.0")
    (other,) = run(cards, data, tmp_path / "runs", weights_dir=weights)
    assert other.folder.name == "lowpass-3.5k~2", "other weights are another run"
    assert read_distances(other.folder)["fad_toy"].value == pytest.approx(4 * two)
    table = reconstruction_table(tmp_path / "runs")
    assert expected not in table.notes and table.data["fad_toy"].max() == pytest.approx(4 * two)


def test_damaged_weights_stop_the_command_before_it_starts(cards: Path, data: Path, tmp_path: Path) -> None:
    (cards / "toy.yaml").write_text(
        CARD + "weights: {weights: {url: 'http://localhost/toy.txt', sha256: '0123456789abcdef'}}\n"
    )
    (tmp_path / "toy.txt").write_text("2.0")
    with pytest.raises(UserError, match=r"toy.txt: its SHA-256 is .*, the card says 0123456789abcdef"):
        run(cards, data, tmp_path / "runs", weights_dir=tmp_path)
    assert not (tmp_path / "runs").exists()


def test_short_clips_and_nan_are_reasons_not_failures_of_the_run(cards: Path, data: Path, tmp_path: Path) -> None:
    write(data / "short.wav", music(seconds=0.2))
    (outcome,) = run(cards, data, tmp_path / "runs")
    row = next(row for row in read_rows(outcome.folder) if row.id == "short")
    assert row.note("fad_toy_frames") == "0.20 s, shorter than the window of 0.25 s"
    assert row.value("si_sdr_db") is not None and read_distances(outcome.folder)["fad_toy"].clips == 9
    notes = reconstruction_table(tmp_path / "runs").notes
    assert "lowpass-3.5k: no fad_toy on 1 of its clips: 0.20 s, shorter than the window of 0.25 s" in notes
    (cards / "toy.yaml").write_text(CARD + "options: {gives_nan: true}\n")
    (outcome,) = run(cards, data, tmp_path / "other")
    assert set(outcome.failed.values()) == {"the embedding gave NaN or infinite numbers"}


def test_one_clip_has_a_distance_that_says_what_it_lacks(cards: Path, data: Path, tmp_path: Path) -> None:
    (outcome,) = run(cards, data, tmp_path / "runs", limit=1)
    distance = read_distances(outcome.folder)["fad_toy"]
    assert distance.low is None and any("eight are needed" in note for note in distance.notes)
    write(tmp_path / "one" / "window.wav", music(seconds=0.3))
    (outcome,) = run(cards, tmp_path / "one", tmp_path / "runs")
    distance = read_distances(outcome.folder)["fad_toy"]
    assert distance.value is None and distance.notes == ["two vectors needed for a covariance, got 1"]


def test_another_reference_a_folder_or_its_statistics(cards: Path, data: Path, tmp_path: Path, cli_here: Cli) -> None:
    for i in range(8):
        write(tmp_path / "others" / f"{i}.wav", music(seconds=1.5, seed=50 + i, rate=22_050), 22_050)
    command = ("reconstruct", "--cards", cards, "--task", "sets", "--data", data, "--models", "lowpass-3.5k", "--json")
    saved = ("fad", "others", data, "--embedding", "toy", "--cards", cards, "--save-reference", "others.npz")
    environment = {"M2L_BENCH_CACHE": str(tmp_path / "cache")}
    assert cli_here(*saved, **environment).returncode == 0
    values = {}
    for reference in ("others", "others.npz"):
        result = cli_here(*command, "--reference", reference, **environment)
        assert result.returncode == 0, result.stderr
        table = json.loads(result.stdout)["table"]
        assert f"Fréchet distances against {reference}." in table["caption"]
        values[reference] = next(row["fad_toy"] for row in table["rows"] if row["system"] == "lowpass-3.5k")
    assert values["others"] == pytest.approx(values["others.npz"], rel=1e-9)
    own = json.loads(cli_here(*command, **environment).stdout)["table"]["rows"]
    assert next(row["fad_toy"] for row in own if row["system"] == "lowpass-3.5k") != values["others"]
    shown = cli_here("tables", "--reference", "others.npz", "--format", "csv", **environment)
    assert f"{values['others.npz']:.4f}" in shown.stdout


@pytest.mark.full
def test_kill_and_resume(cards: Path, data: Path, tmp_path: Path, cli_here: Cli) -> None:
    for i in range(60):
        write(data / f"more{i}.wav", music(seconds=1.0, seed=i))
    command = ["reconstruct", "--cards", cards, "--task", "sets", "--data", data, "--models", "opus-12k"]
    process = subprocess.Popen(
        [*M2L_BENCH, *command],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": TESTS},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    folder = tmp_path / "runs" / "folder-originals" / "opus-12k"
    while not (folder / "rows.jsonl").exists() or len((folder / "rows.jsonl").read_text().splitlines()) < 5:
        time.sleep(0.01)
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "distances.json").exists()
    finished = cli_here(*command)
    assert finished.returncode == 0, finished.stderr
    resumed = read_distances(folder)["fad_toy"]
    shutil.rmtree(tmp_path / "runs")
    assert cli_here(*command).returncode == 0
    assert read_distances(folder)["fad_toy"] == resumed


def test_an_unknown_metric_names_those_there_are(cards: Path, data: Path, tmp_path: Path) -> None:
    task = cards / "sets.yaml"
    task.write_text(task.read_text().replace("fad_toy", "fad_toi"))
    with pytest.raises(UserError, match=r"no metric 'fad_toi'; there are si_sdr_db, visqol, .*fad, .*fad_toy"):
        run(cards, data, tmp_path / "runs")
