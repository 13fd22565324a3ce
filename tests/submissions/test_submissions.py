"""Submissions: what others can check in them, what they find, and what is not published."""

import json
import math
import platform
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command_line import Cli
from support.hub_server import COMMIT, serve
from support.submissions import SYSTEMS, forge, make_runs, submit, write_clips

import m2l_bench as mb
from m2l_bench.errors import UserError
from m2l_bench.runs.reconstruction import read_rows, rows_as_table
from m2l_bench.submissions.check import Check, check_submission, read_submission, reconstruction
from m2l_bench.submissions.figures import submitted_reconstruction
from m2l_bench.submissions.push import push_submission
from m2l_bench.submissions.recompute import Place, recompute
from m2l_bench.submissions.schema import FILE, RUNS
from m2l_bench.submissions.write import Statement, _without_folders, write_submission


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


def restate(submission: Path, name: str) -> None:
    """Make figures and hashes those of the files, as somebody who changed them would: only the audio can tell."""
    content = json.loads((submission / FILE).read_text())
    position, stated = next((i, run) for i, run in enumerate(read_submission(submission).runs) if run.name == name)
    figures = submitted_reconstruction(reconstruction(submission, stated), Path(stated.folder))
    content["runs"][position] = figures.model_dump(mode="json")
    (submission / FILE).write_text(json.dumps(content))
    forge(submission)


def change_value(submission: Path, name: str, metric: str, value: Callable[[float], float]) -> None:
    """Change a value of the first clip."""
    folder = folder_of(submission, name)
    rows = read_rows(folder)
    rows[0].values[metric] = value(rows[0].values[metric] or 0.0)
    (folder / "clips.parquet").write_bytes(rows_as_table(rows))
    restate(submission, name)


def test_an_honest_submission_is_what_it_states(submission: Path, originals: Path, tmp_path: Path) -> None:
    assert {check.status for check in check_submission(submission)} == {"ok"}
    checks = recomputed(submission, originals, tmp_path / "again")
    assert {name: check.status for name, check in checks.items()} == dict.fromkeys(("good", "poor", "copy"), "ok")
    assert all(
        "10 clips recomputed from audio: si_sdr_db, mel_distance, fad_mel-mean" in check.detail
        for check in checks.values()
    )


@pytest.mark.parametrize(
    ("name", "metric", "value"),
    [
        ("poor", "si_sdr_db", lambda value: value + 0.02),
        pytest.param("poor", "si_sdr_db", lambda value: math.nan, marks=pytest.mark.full),
        pytest.param("copy", "mel_distance", lambda value: -math.inf, marks=pytest.mark.full),
    ],
)
def test_a_changed_value_is_found_by_the_audio(
    submission: Path, originals: Path, tmp_path: Path, name: str, metric: str, value: Callable[[float], float]
) -> None:
    change_value(submission, name, metric, value)
    assert {check.status for check in check_submission(submission)} == {"ok"}
    checks = recomputed(submission, originals, tmp_path / "again")
    assert {system for system, check in checks.items() if check.status == "differs"} == {name}
    assert f"'a clip': {metric} is stated as" in checks[name].detail


@pytest.mark.full
def test_clips_that_were_cut_off_are_not_checked(originals: Path, tmp_path: Path) -> None:
    runs = make_runs(tmp_path / "runs", originals, {"loud": lambda audio: audio * 20})
    submission = submit(runs, tmp_path / "loud")
    datasets = dict.fromkeys(("folder-clips",), originals)
    checks = list(recompute(submission, Place(tmp_path / "again", datasets, jobs=1)))
    assert [check.status for check in checks if "cut off" in check.detail] == ["not checked"]
    assert "10 clips whose audio was cut off at full scale" in checks[-1].detail


def test_forged_resamples_of_a_distance_are_found(submission: Path, originals: Path, tmp_path: Path) -> None:
    path = folder_of(submission, "poor") / "distances.json"
    content = json.loads(path.read_text())
    distance = content["originals"]["fad_mel-mean"]
    distance |= {"resampled": [distance["value"]] * len(distance["resampled"]), "low": 0.0}
    path.write_text(json.dumps(content))
    restate(submission, "poor")
    assert {check.status for check in check_submission(submission)} == {"ok"}
    assert "fad_mel-mean: low is stated as 0" in recomputed(submission, originals, tmp_path / "again")["poor"].detail


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
    assert files.status == "differs" and "clips.parquet: missing, or changed after it was submitted" in files.detail


def test_a_changed_mean_is_found_by_the_rows(submission: Path) -> None:
    content = json.loads((submission / FILE).read_text())
    content["runs"][0]["figures"]["si_sdr_db"]["low"] = 99.0
    (submission / FILE).write_text(json.dumps(content))
    assert "si_sdr_db (low) is stated as 99.0" in check_submission(submission)[1].detail


@pytest.mark.parametrize("key", ["metric_versions", "root", "no runs", "name"])
def test_manifests_state_what_they_must_and_no_more(submission: Path, key: str) -> None:
    path = folder_of(submission, "poor") / "manifest.json"
    content = json.loads(path.read_text())
    if key == "metric_versions":
        del content["metric_versions"]["si_sdr_db"]
    elif key == "root":
        content["key"]["root"] = "elsewhere"
    path.write_text(json.dumps(content))
    forge(submission)
    content = json.loads((submission / FILE).read_text())
    if key == "no runs":
        content |= {"runs": [], "files": {}}
        shutil.rmtree(submission / RUNS)
    elif key == "name":
        content["runs"][0]["folder"] = content["runs"][0]["folder"].replace("folder-clips", "../folder-clips")
    (submission / FILE).write_text(json.dumps(content))
    assert "differs" in {check.status for check in check_submission(submission)}


@pytest.mark.parametrize("kind", ["added", "missing", "link", "linked folder", "outside", "empty", "zero"])
def test_files_are_those_that_are_listed(submission: Path, kind: str) -> None:
    audio = next((folder_of(submission, "good") / "audio").iterdir())
    if kind == "added":
        (audio.parent / "more.flac").write_bytes(b"")
    elif kind == "missing":
        audio.unlink()
    elif kind == "link":
        target = audio.rename(submission.parent / audio.name)
        audio.symlink_to(target)
    elif kind == "linked folder":
        target = audio.parent.rename(submission.parent / "elsewhere")
        audio.parent.symlink_to(target)
    else:
        content = json.loads((submission / FILE).read_text())
        name = {"outside": f"{RUNS}/../secret", "empty": "", "zero": "a\0b"}[kind]
        content["files"][name] = {"bytes": 0, "sha256": ""}
        (submission / FILE).write_text(json.dumps(content))
    assert check_submission(submission)[0].status == "differs"


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"title": "\\ud800"}', "[]"])
def test_a_damaged_file_is_one_line(submission: Path, text: str) -> None:
    (submission / FILE).write_text(text)
    with pytest.raises(UserError, match=r"^[^\n]*submission\.json: [^\n]*$"):
        check_submission(submission)


def test_a_row_cannot_name_audio_outside_its_run(submission: Path) -> None:
    folder = folder_of(submission, "good")
    rows = read_rows(folder)
    rows[0].audio = "../../../../secret.flac"
    (folder / "clips.parquet").write_bytes(rows_as_table(rows))
    forge(submission)
    assert "is not in the submission" in check_submission(submission)[1].detail


def test_without_audio_the_originals_are_compared(runs: Path, originals: Path, tmp_path: Path) -> None:
    without = submit(runs, tmp_path / "without", audio=False)
    assert not list(without.rglob("*.flac"))
    checks = recomputed(without, originals, tmp_path / "again")
    assert {check.status for check in checks.values()} == {"not checked"}
    assert "no audio was submitted; 10 originals equal those that were measured" in checks["good"].detail
    others = write_clips(tmp_path / "others", seed=1)
    assert {check.status for check in recomputed(without, others, tmp_path / "again").values()} == {"differs"}


def test_no_host_and_no_folder_is_published(submission: Path, runs: Path) -> None:
    private = [str(runs.parent).encode(), platform.node().encode(), platform.release().encode()]
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


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("--w=/home/anna/w.pt", "--w=w.pt"),
        ("vectors in /home/anna/v, 2/3 of them", "vectors in v, 2/3 of them"),
        ("file:///home/anna/x", "x"),
        ("~/anna/y", "y"),
        ("C:\\Users\\anna\\z.wav", "z.wav"),
        ("https://example.org/a/b", "https://example.org/a/b"),
    ],
)
def test_paths_are_shortened_inside_texts(text: str, public: str) -> None:
    assert _without_folders({"note": [text]}) == {"note": [public]}


def test_names_of_datasets_and_runs_with_unusual_characters(originals: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    mb.evaluate({"x": SYSTEMS["poor"]}, "folder", data=originals, metrics=["si_sdr_db"], out=runs, audio=True, seed=3)
    write_submission(runs, tmp_path / "mine", Statement(), "folder-clips", "my clips/é", audio=True)
    (run,) = read_submission(tmp_path / "mine").runs
    assert (run.dataset, run.name) == ("my clips/é", "x@seed3")
    assert {check.status for check in check_submission(tmp_path / "mine")} == {"ok"}
    (check,) = recompute(tmp_path / "mine", Place(tmp_path / "again", {"my clips/é": originals}, jobs=1))
    assert check.status == "ok"
