"""`m2l-bench fad` on folders; one test a way in which it can go wrong."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from support.audio import music, write
from support.command_line import Cli
from support.toy_embedding import CARD

from m2l_bench.distances.folders import Comparison, write_clip_distances
from m2l_bench.distances.measure import Distance
from m2l_bench.metrics.frechet import GaussianStatistics

Fad = Callable[..., Any]


@pytest.fixture
def fad(tmp_path: Path, cli_here: Cli) -> Fad:
    """Runs `fad` with the toy embedding and a cache of its own; gives the result with `.json` beside it."""
    counter = tmp_path / "counter"
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "toy.yaml").write_text(CARD + f"options: {{counter: {counter}}}\n")

    def run(*arguments: object) -> Any:
        counter.write_text("")
        result: Any = cli_here(
            *("fad", "--embedding", "toy", "--cards", "cards", "--cache", "cache", "--json", *arguments)
        )
        result.json = json.loads(result.stdout) if result.stdout else None
        result.embedded = counter.stat().st_size
        return result

    return run


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Originals, and the same with noise."""
    rng = np.random.default_rng(0)
    for i in range(10):
        audio = music(seconds=1.1, seed=i)
        write(tmp_path / "a" / f"{i}.wav", audio)
        write(tmp_path / "b" / f"{i}.flac", audio + 0.05 * rng.standard_normal(audio.shape).astype(np.float32))
    return tmp_path / "a", tmp_path / "b"


def test_two_folders(fad: Fad, folders: tuple[Path, Path], tmp_path: Path) -> None:
    result = fad(*folders, "--by-clip", "clips.csv")
    assert result.returncode == 0, result.stderr
    (comparison,) = result.json["comparisons"]
    assert comparison["embedding"] == "toy" and comparison["low"] < comparison["value"] < comparison["high"]
    assert comparison["kernel_low"] < comparison["kernel"] < comparison["kernel_high"]
    assert 0 < comparison["coverage"] <= 1 and not any("resampled" in name for name in comparison)
    assert comparison["paired"] and (comparison["clips"], comparison["reference_clips"], comparison["dim"]) == (
        10,
        10,
        3,
    )
    rows = list(csv.DictReader((tmp_path / "clips.csv").open()))
    distances = [float(row["distance"]) for row in rows]
    assert len(rows) == 10 and distances == sorted(distances, reverse=True)
    assert result.embedded == 20


def test_files_are_embedded_once_whatever_they_are_called(fad: Fad, folders: tuple[Path, Path], tmp_path: Path) -> None:
    first = fad(*folders)
    shutil.move(folders[1], tmp_path / "c")
    (tmp_path / "c" / "3.flac").rename(tmp_path / "c" / "renamed.flac")
    again = fad(folders[0], tmp_path / "c")
    assert again.embedded == 0
    (before,), (after,) = first.json["comparisons"], again.json["comparisons"]
    assert after["value"] == pytest.approx(before["value"], rel=1e-12) and not after["paired"]


def test_identical_folders_are_at_zero(fad: Fad, folders: tuple[Path, Path]) -> None:
    (comparison,) = fad(folders[0], folders[0]).json["comparisons"]
    assert comparison["value"] == pytest.approx(0, abs=1e-6) and comparison["high"] == pytest.approx(0, abs=1e-6)
    assert comparison["kernel"] == pytest.approx(0, abs=1e-9) and comparison["notes"] == []


def test_notes_on_a_folder_that_is_compared_with_itself_are_written_once(fad: Fad, folders: tuple[Path, Path]) -> None:
    a, _ = folders
    (a / "notes.txt").write_text("")
    (a / "tape.wma").write_text("")
    write(a / "silent.wav", np.zeros((1, 44_100), np.float32))
    (comparison,) = fad(a, a).json["comparisons"]
    notes = comparison["notes"]
    assert "silent: 'a/silent'" in notes
    assert len([note for note in notes if note.startswith("a: passed over")]) == 1 and len(set(notes)) == len(notes)


def test_saved_statistics_stand_for_the_folder(fad: Fad, folders: tuple[Path, Path]) -> None:
    (direct,) = fad(*folders, "--save-reference", "a.npz").json["comparisons"]
    (saved,) = fad("a.npz", folders[1]).json["comparisons"]
    assert saved["value"] == pytest.approx(direct["value"], rel=1e-9)
    assert saved["reference_clips"] is None and saved["reference_frames"] == direct["reference_frames"]
    assert saved["kernel"] is None and any("no kernel distance" in note for note in saved["notes"])


def test_bad_files_are_named_and_the_rest_is_measured(fad: Fad, folders: tuple[Path, Path]) -> None:
    _, b = folders
    (b / "broken.wav").write_bytes(b"RIFF nonsense")
    write(b / "short.wav", music(seconds=0.1))
    write(b / "silent.wav", np.zeros((1, 44_100), np.float32))
    for _ in range(2):  # also from the cache
        result = fad(*folders)
        assert result.returncode == 3
        (comparison,) = result.json["comparisons"]
        assert comparison["clips"] == 11 and set(comparison["failed"]) == {"b/broken", "b/short"}
        assert "shorter than the window" in comparison["failed"]["b/short"]
        assert "silent: 'b/silent'" in comparison["notes"]
        assert "toy: 'b/broken' left out: not readable as audio" in result.stderr


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("nothing", "no such folder"),
        ("text.npz", "not readable as a NumPy archive"),
        ("other.npz", "no statistics of 'toy' in it; it has vggish"),
        ("wide.npz", "have shapes (4,) and (4, 4), but toy gives vectors of 3 numbers"),
        ("negative.npz", "not positive semidefinite"),
        ("nan.npz", "NaN or infinite numbers"),
        ("pickled.npz", "not readable as a NumPy archive"),
    ],
)
def test_an_unusable_reference_is_one_line(
    fad: Fad, folders: tuple[Path, Path], tmp_path: Path, reference: str, message: str
) -> None:
    (tmp_path / "text.npz").write_text("not an archive")
    for name, mean, covariance in [
        ("other.npz", None, None),
        ("wide.npz", np.zeros(4), np.eye(4)),
        ("negative.npz", np.zeros(3), -np.eye(3)),
        ("nan.npz", np.full(3, np.nan), np.eye(3)),
        ("pickled.npz", np.array([{}]), np.eye(3)),
    ]:
        arrays = {"vggish.mu": np.zeros(128)} if mean is None else {"toy.mu": mean, "toy.cov": covariance}
        np.savez(tmp_path / name, **arrays)
    result = fad(reference, folders[1])
    assert result.returncode == 1 and message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_folder_without_usable_audio_is_one_line(fad: Fad, folders: tuple[Path, Path], tmp_path: Path) -> None:
    write(tmp_path / "short" / "x.wav", music(seconds=0.1))
    result = fad(folders[0], tmp_path / "short")
    assert result.returncode == 1
    assert (
        "short: toy has vectors of none of its 1 file (x: 0.10 s, shorter than the window of 0.25 s)" in result.stderr
    )
    write(tmp_path / "one" / "x.wav", music(seconds=0.3))
    result = fad(folders[0], tmp_path / "one")
    assert result.returncode == 1 and "toy: two vectors needed for a covariance, got 1" in result.stderr


def test_too_few_vectors_are_flagged(fad: Fad, tmp_path: Path) -> None:
    for i in range(2):
        write(tmp_path / "few" / f"{i}.wav", music(seconds=0.3, seed=i))
    (comparison,) = fad(tmp_path / "few", tmp_path / "few").json["comparisons"]
    assert any("2 vectors for 3 dimensions: too few" in note for note in comparison["notes"])
    assert comparison["value"] == pytest.approx(0, abs=1e-6) and comparison["low"] is None


def test_where_vectors_are_too_few_the_kernel_distance_comes_first(
    fad: Fad, folders: tuple[Path, Path], tmp_path: Path, cli_here: Cli
) -> None:
    def head(*arguments: object) -> str:
        command = ("fad", *arguments, "--embedding", "toy", "--cards", "cards", "--cache", "cache")
        return cli_here(*command).stdout

    enough = head(*folders)
    assert enough.index("FAD ↓") < enough.index("KAD ↓") < enough.index("Density ↑") < enough.index("Coverage ↑")
    for i in range(2):
        write(tmp_path / "few" / f"{i}.wav", music(seconds=0.3, seed=i))
    few = head(tmp_path / "few", folders[1])
    assert few.index("KAD ↓") < few.index("FAD ↓") and "KAD comes first: a set has too few vectors" in few
    assert "- toy: no density and coverage: 6 vectors needed in each set, got 2 and 40" in few


def test_an_embedding_without_weights_is_said_beside_the_others(fad: Fad, folders: tuple[Path, Path]) -> None:
    pytest.importorskip("torchvggish", reason="pip install 'm2l-bench[embeddings]'")
    result = fad(*folders, "--embedding", "toy,vggish")
    assert result.returncode == 3 and len(result.json["comparisons"]) == 1
    assert "m2l-bench weights get vggish" in result.json["not_measured"]["vggish"]
    alone = fad(*folders, "--embedding", "vggish")
    assert alone.returncode == 1 and "m2l-bench weights get vggish" in alone.stderr
    unknown = fad(*folders, "--embedding", "vgish")
    assert unknown.returncode == 1 and "did you mean 'vggish'?" in unknown.stderr


def test_ids_in_the_file_of_clips_are_no_formulas(tmp_path: Path) -> None:
    distance, reference = cast(Distance, None), cast(GaussianStatistics, None)
    comparison = Comparison("toy", distance, reference, {"=1+1": 2.5, "-aaa": -0.5}, {}, [])
    write_clip_distances(tmp_path / "clips.csv", [comparison])
    assert (tmp_path / "clips.csv").read_text() == "embedding,id,distance\ntoy,'=1+1,2.5\ntoy,'-aaa,-0.5\n"
