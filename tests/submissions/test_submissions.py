"""Submissions: what others can check in them, what they find, and what is not published."""

import json
import platform
import shutil
from pathlib import Path

import pytest
from support.command_line import Cli
from support.hub_server import COMMIT, serve
from support.submissions import forge, make_runs, submit, write_clips

from m2l_bench.errors import UserError
from m2l_bench.runs.reconstruction import read_rows, rows_as_table
from m2l_bench.submissions.check import Check, check_submission, read_submission, reconstruction
from m2l_bench.submissions.figures import submitted_reconstruction
from m2l_bench.submissions.push import push_submission
from m2l_bench.submissions.recompute import Place, recompute
from m2l_bench.submissions.schema import FILE, RUNS


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clips(tmp_path_factory.mktemp("submissions") / "clips")


@pytest.fixture(scope="module")
def runs(originals: Path) -> Path:
    return make_runs(originals.parent / "runs", originals)


@pytest.fixture
def submission(runs: Path, tmp_path: Path) -> Path:
    return submit(runs, tmp_path / "submission", contact="anna@example.org")


def folder_of(submission: Path, name: str) -> Path:
    return submission / next(run.folder for run in read_submission(submission).runs if run.name == name)


def recomputed(submission: Path, data: Path, out: Path) -> dict[str, Check]:
    datasets = {run.dataset for run in read_submission(submission).runs}
    checks = recompute(submission, Place(out, dict.fromkeys(datasets, data), jobs=1))
    return {check.about.split(", ")[1]: check for check in checks}


def change_value(submission: Path, name: str, metric: str, by: float) -> None:
    """Change a value of one clip, and everything that follows from it, so that only the audio can tell."""
    folder = folder_of(submission, name)
    rows = read_rows(folder)
    rows[0].values[metric] = (rows[0].values[metric] or 0.0) + by
    (folder / "clips.parquet").write_bytes(rows_as_table(rows))
    content = json.loads((submission / FILE).read_text())
    stated = next(run for run in read_submission(submission).runs if run.name == name)
    figures = submitted_reconstruction(reconstruction(submission, stated), stated.dataset, Path(stated.folder))
    position = next(i for i, run in enumerate(content["runs"]) if run["name"] == name)
    content["runs"][position] = figures.model_dump(mode="json")
    (submission / FILE).write_text(json.dumps(content))
    forge(submission)


def test_an_honest_submission_is_what_it_states(submission: Path, originals: Path, tmp_path: Path) -> None:
    assert {check.status for check in check_submission(submission)} == {"ok"}
    checks = recomputed(submission, originals, tmp_path / "again")
    assert {name: check.status for name, check in checks.items()} == dict.fromkeys(("good", "poor", "copy"), "ok")
    assert all(
        "10 clips recomputed from audio: si_sdr_db, mel_distance, fad_mel-mean" in check.detail
        for check in checks.values()
    )


def test_a_changed_digit_is_found_by_the_audio(submission: Path, originals: Path, tmp_path: Path) -> None:
    change_value(submission, "poor", "si_sdr_db", 0.02)
    assert {check.status for check in check_submission(submission)} == {"ok"}
    checks = recomputed(submission, originals, tmp_path / "again")
    assert checks["poor"].status == "differs" and "'a clip': si_sdr_db is stated as" in checks["poor"].detail
    assert checks["good"].status == checks["copy"].status == "ok"


def test_a_changed_distance_is_found(submission: Path, originals: Path, tmp_path: Path) -> None:
    path = folder_of(submission, "poor") / "distances.json"
    content = json.loads(path.read_text())
    content["originals"]["fad_mel-mean"]["value"] *= 0.9
    path.write_text(json.dumps(content))
    forge(submission)
    files, figures = check_submission(submission)
    assert files.status == "ok" and figures.status == "differs" and "fad_mel-mean is stated as" in figures.detail


def test_a_changed_file_is_found_by_its_hash(submission: Path) -> None:
    path = folder_of(submission, "good") / "clips.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    (files,) = check_submission(submission)
    assert files.status == "differs" and "clips.parquet: changed after it was submitted" in files.detail


def test_a_changed_mean_is_found_by_the_rows(submission: Path) -> None:
    content = json.loads((submission / FILE).read_text())
    content["runs"][0]["figures"]["si_sdr_db"]["low"] = 99.0
    (submission / FILE).write_text(json.dumps(content))
    assert "si_sdr_db (low) is stated as 99.0" in check_submission(submission)[1].detail


@pytest.mark.parametrize("kind", ["added", "missing", "link", "outside"])
def test_files_are_those_that_are_listed(submission: Path, kind: str) -> None:
    audio = next((folder_of(submission, "good") / "audio").iterdir())
    if kind == "added":
        (audio.parent / "more.flac").write_bytes(b"")
    elif kind == "missing":
        audio.unlink()
    elif kind == "link":
        target = audio.rename(submission.parent / audio.name)
        audio.symlink_to(target)
    else:
        text = (submission / FILE).read_text()
        (submission / FILE).write_text(text.replace(f"{RUNS}/", f"{RUNS}/../../", 1))
    assert check_submission(submission)[0].status == "differs"


def test_a_row_cannot_name_audio_outside_its_run(submission: Path) -> None:
    folder = folder_of(submission, "good")
    rows = read_rows(folder)
    rows[0].audio = "../../../../secret.flac"
    (folder / "clips.parquet").write_bytes(rows_as_table(rows))
    forge(submission)
    assert "is outside the run" in check_submission(submission)[1].detail


def test_without_audio_the_originals_are_compared(runs: Path, originals: Path, tmp_path: Path) -> None:
    without = submit(runs, tmp_path / "without", audio=False)
    assert not list(without.rglob("*.flac"))
    checks = recomputed(without, originals, tmp_path / "again")
    assert {check.status for check in checks.values()} == {"not checked"}
    assert "10 originals equal, but no audio was submitted" in checks["good"].detail
    others = write_clips(tmp_path / "others", seed=1)
    assert {check.status for check in recomputed(without, others, tmp_path / "again").values()} == {"differs"}


def test_no_host_and_no_folder_is_published(submission: Path, runs: Path) -> None:
    private = [str(runs.parent).encode(), platform.node().encode()]
    for path in submission.rglob("*"):
        if path.suffix in (".json", ".parquet"):
            assert not [text for text in private if text in path.read_bytes()], path


def test_commands(cli_here: Cli, runs: Path, originals: Path, tmp_path: Path) -> None:
    done = cli_here("submit", str(runs), "-o", "mine", "--audio", "--task", "folder-clips", "--dataset-name", "ten")
    assert done.returncode == 0 and "ten, good: 10 clips, with audio" in done.stdout
    done = cli_here("verify", "mine", "--data", f"ten={originals}", "--json")
    assert done.returncode == 0 and {check["status"] for check in json.loads(done.stdout)} == {"ok"}
    (tmp_path / "mine" / FILE).write_text("{}")
    done = cli_here("verify", "mine")
    assert done.returncode == 1 and "Field required" in done.stderr


def test_a_folder_of_something_else_stays(runs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("")
    with pytest.raises(UserError, match="something else"):
        submit(runs, other)
    first = submit(runs, tmp_path / "twice", audio=True)
    again = submit(runs, tmp_path / "twice", audio=False)
    assert first == again and not list(again.rglob("*.flac"))
    shutil.rmtree(again)


def test_an_upload_is_the_submission(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submission = submit(runs, tmp_path / "mine", audio=False)
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    with serve("anna/results", {}, uploads=uploads) as server:
        server.use_here(monkeypatch, tmp_path / "home")
        with pytest.raises(UserError, match="anna/results: not uploaded"):
            push_submission(submission, "anna/results")
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        assert push_submission(submission, "anna/results").endswith(COMMIT)
        assert server.created[-1]["type"] == "dataset"
    assert {check.status for check in check_submission(uploads)} == {"ok"}
