"""The pipeline end to end on a directory of audio, with the quick metric."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from support.audio import bad_files, music, write
from support.command_line import M2L_BENCH, Cli

from m2l_bench import audio, evaluate
from m2l_bench.cards import load_cards
from m2l_bench.reconstruction.pipeline import Outcome, reconstruct
from m2l_bench.reconstruction.plan import Settings, make_plan
from m2l_bench.runs.audio import originals as originals_of
from m2l_bench.runs.audio import read_original
from m2l_bench.runs.measured import measured_runs
from m2l_bench.runs.reconstruction import read_manifest, read_rows
from m2l_bench.tables.reconstruction import reconstruction_table


def run(cards_folder: Path, data: Path, out: Path, models: str = "opus-12k", **settings: object) -> list[Outcome]:
    cards = load_cards([cards_folder])
    plan_settings = Settings(out=out, jobs=1, **settings)  # type: ignore[arg-type]
    systems = [cards.system(name) for name in models.split(",")]
    return reconstruct(
        make_plan(
            cards.task("quick"), systems, data, plan_settings, skip_unavailable=False, embeddings=cards.embeddings
        ),
        plan_settings,
    )


def test_rows_manifest_and_audio_are_left_on_disk(quick_cards: Path, originals: Path, tmp_path: Path) -> None:
    (outcome,) = run(quick_cards, originals, tmp_path / "runs")
    assert (outcome.measured, outcome.failed, outcome.missing) == (3, {}, {})
    assert outcome.folder == tmp_path / "runs" / "folder-originals" / "opus-12k"
    table = pyarrow.parquet.read_table(outcome.folder / "clips.parquet").to_pandas()
    assert sorted(table["id"]) == ["clip0", "clip1", "clip2"]
    assert np.isfinite(table["si_sdr_db"]).all()
    assert (table["reference_samples"] == 44_100).all() and (table["reconstruction_samples"] == 44_100).all()
    assert all((outcome.folder / path).is_file() for path in table["audio"])
    manifest = read_manifest(outcome.folder)
    assert manifest.card.name == "opus-12k"
    assert manifest.sessions[0].packages["soundfile"]
    assert not (outcome.folder / "rows.jsonl").exists()


def test_only_what_is_missing_is_done(quick_cards: Path, originals: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    run(quick_cards, originals, out, limit=2)
    write(originals / "new.wav", music(seed=9))
    (outcome,) = run(quick_cards, originals, out)
    assert (outcome.already_done, outcome.measured) == (2, 4)
    (outcome,) = run(quick_cards, originals, out)
    assert outcome.already_done == 4
    assert len(read_manifest(outcome.folder).sessions) == 2


def test_a_run_gains_metrics_and_keeps_those_it_has(quick_cards: Path, originals: Path, tmp_path: Path) -> None:
    def metrics_of(columns: str) -> dict[str, float | None]:
        results = evaluate(
            "opus-12k", "quick", data=originals, out=tmp_path / "runs", cards=[quick_cards], jobs=1, columns=columns
        )
        assert [outcome.started_because for outcome in results.outcomes] == [""]
        return read_rows(results.outcomes[0].folder)[0].values

    (outcome,) = run(quick_cards, originals, tmp_path / "runs")
    before = read_rows(outcome.folder)[0].values
    level = metrics_of("level")
    assert before == {"si_sdr_db": level["si_sdr_db"]} and np.isfinite(level["loudness_difference_lu"])
    both = metrics_of("spectral")
    assert level.items() < both.items() and np.isfinite(both["mel_distance"])
    assert metrics_of("paper") == both


def test_a_bad_file_that_is_taken_away_is_forgotten(quick_cards: Path, originals: Path, tmp_path: Path) -> None:
    (originals / "bad.wav").write_bytes(b"")
    (outcome,) = run(quick_cards, originals, tmp_path / "runs")
    assert outcome.failed == {"bad": "empty file (0 bytes)"}
    (originals / "bad.wav").unlink()
    (outcome,) = run(quick_cards, originals, tmp_path / "runs")
    assert outcome.failed == {} and {row.id for row in read_rows(outcome.folder)} == {"clip0", "clip1", "clip2"}


def test_a_clip_that_is_taken_away_does_not_count_until_it_is_back(
    quick_cards: Path, originals: Path, tmp_path: Path
) -> None:
    run(quick_cards, originals, tmp_path / "runs")
    clip = originals / "clip1.wav"
    content = clip.read_bytes()
    clip.unlink()
    (outcome,) = run(quick_cards, originals, tmp_path / "runs")
    table = reconstruction_table(tmp_path / "runs")
    assert table.data["clips"].tolist() == [2] and outcome.measured == 2
    assert "opus-12k: 1 clip no longer in the dataset, not counted ('clip1')" in table.notes
    clip.write_bytes(content)
    (outcome,) = run(quick_cards, originals, tmp_path / "runs")
    assert (outcome.already_done, outcome.measured) == (3, 3), "its row was kept"
    assert reconstruction_table(tmp_path / "runs").data["clips"].tolist() == [3]


def test_a_copied_or_touched_file_is_the_same_clip(quick_cards: Path, originals: Path, tmp_path: Path) -> None:
    run(quick_cards, originals, tmp_path / "runs")
    os.utime(originals / "clip0.wav", (1, 1))
    (outcome,) = run(quick_cards, originals, tmp_path / "runs")
    assert outcome.already_done == 3


@pytest.mark.parametrize("change", ["clip", "card", "seed", "folder", "metric"])
def test_a_change_starts_a_new_run(
    quick_cards: Path, originals: Path, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "runs"
    card = quick_cards / "mine.yaml"
    content = "name: mine\ntitle: A\nkind: classical\nadapter: low-pass\noptions: {cutoff_hz: %d}"
    card.write_text(content % 3000)
    (first,) = run(quick_cards, originals, out, "mine")
    before = read_rows(first.folder)
    settings: dict[str, object] = {}
    if change == "clip":
        write(originals / "clip1.wav", music(seed=77))
    elif change == "card":
        card.write_text(content % 4000)
    elif change == "seed":
        settings["seed"] = 1
    elif change == "folder":
        originals = Path(shutil.copytree(originals, tmp_path / "elsewhere" / "originals"))
    else:
        from m2l_bench import metrics

        newer = metrics.PAIRED["si_sdr_db"].__class__(
            **{**metrics.PAIRED["si_sdr_db"].__dict__, "version": lambda: "next"}
        )
        monkeypatch.setitem(metrics.PAIRED, "si_sdr_db", newer)
    (second,) = run(quick_cards, originals, out, "mine", **settings)
    assert second.already_done == 0 and second.measured == 3
    assert second.folder.name == ("mine@seed1" if change == "seed" else "mine~2")
    assert read_rows(first.folder) == before


@pytest.fixture
def quick(quick_cards: Path, originals: Path) -> list[str]:
    return ["reconstruct", "--task", "quick", "--cards", str(quick_cards), "--data", str(originals)]


@pytest.fixture
def reconstruct_here(cli_here: Cli, quick: list[str]) -> Cli:
    return partial(cli_here, *quick)


def test_bad_clips_are_rows_with_reasons_and_the_rest_is_measured(
    reconstruct_here: Cli, originals: Path, tmp_path: Path
) -> None:
    expected = bad_files(originals)
    write(originals / "silent.wav", np.zeros((1, 44_100), np.float32))
    write(originals / "six channels.wav", music(channels=6))
    write(originals / "eight kHz\nnew line ü.wav", music(rate=8000), 8000)
    write(originals / "one sample.wav", music(seconds=1 / 44_100))
    (originals / "notes.txt").write_text("not audio, and does not claim to be")
    result = reconstruct_here("--models", "opus-12k", "--json")
    assert result.returncode == 3, result.stderr
    report = json.loads(result.stdout)["systems"][0]
    assert report["failed"].keys() == expected.keys()
    assert report["measured"] == 7
    rows = {row.id: row for row in read_rows(tmp_path / "runs" / "folder-originals" / "opus-12k")}
    assert rows["silent"].value("si_sdr_db") is None and rows["silent"].note("si_sdr_db") == "the original is silent"
    assert np.isfinite(rows["six channels"].value("si_sdr_db"))
    assert "Traceback" not in result.stderr
    for name in expected:
        write(originals / f"{name}.{'flac' if name == 'half' else 'wav'}", music(seed=len(name)))
    again = reconstruct_here("--models", "opus-12k")
    assert again.returncode == 0, again.stderr
    assert [path.name for path in (tmp_path / "runs" / "folder-originals").iterdir()] == ["opus-12k"]
    assert "failed" not in again.stderr


def test_recorded_lengths_channels_and_gaps(reconstruct_here: Cli, originals: Path, tmp_path: Path) -> None:
    write(originals / "clip0.wav", music(channels=2))
    recordings = tmp_path / "made"
    write(recordings / "clip0.flac", music()[:, :30_000])
    write(recordings / "clip1.wav", music(seed=1))
    result = reconstruct_here("--recorded", f"mine={recordings}", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    (system,) = report["systems"]
    assert system["measured"] == 2 and list(system["missing"]) == ["clip2"]
    assert any("1 clip missing" in note for note in report["table"]["notes"])
    rows = {row.id: row for row in read_rows(Path(tmp_path / system["run"]))}
    assert (rows["clip0"].reference_samples, rows["clip0"].reconstruction_samples) == (44_100, 30_000)
    assert (rows["clip0"].channels, rows["clip0"].reconstruction_channels) == (2, 1)
    assert rows["clip1"].values["si_sdr_db"] > 60


def test_a_codec_that_raises_fails_its_clips_only(
    reconstruct_here: Cli, quick_cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken.py").write_text(
        "from m2l_bench import Codec\nclass Broken(Codec):\n    sample_rate, channels = 44100, 1\n"
        "    def encode(self, audio): raise RuntimeError('no\\nluck')\n    decode = features = encode\n"
    )
    (quick_cards / "broken.yaml").write_text("name: broken\ntitle: B\nkind: neural\nadapter: broken:Broken\n")
    result = reconstruct_here("--models", "broken,reference")
    assert result.returncode == 3
    assert "broken: 'clip0' failed: RuntimeError: no luck" in result.stderr
    assert "∞" in result.stdout


SLOW_CODEC = """
import time
from m2l_bench import Codec
class Slow(Codec):
    sample_rate, channels = 44100, 1
    def encode(self, audio):
        time.sleep(0.2)
        return audio
    def decode(self, latents, samples, **_):
        return 0.5 * latents + 0.1
    features = encode
"""


@pytest.mark.parametrize(
    ("sent", "code", "jobs"),
    [
        (signal.SIGKILL, -9, 2),
        pytest.param(signal.SIGINT, 130, 2, marks=pytest.mark.full),
        pytest.param(signal.SIGTERM, 130, 1, marks=pytest.mark.full),
    ],
)
def test_a_killed_run_goes_on(
    reconstruct_here: Cli,
    quick: list[str],
    quick_cards: Path,
    originals: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sent: signal.Signals,
    code: int,
    jobs: int,
) -> None:
    for i in range(12):
        write(originals / f"more{i}.wav", music(seconds=0.2, seed=i))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "slow.py").write_text(SLOW_CODEC)
    (quick_cards / "slow.yaml").write_text("name: slow\ntitle: S\nkind: neural\nadapter: slow:Slow\n")
    options = ["--models", "slow", "--jobs", str(jobs)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    folder = tmp_path / "runs" / "folder-originals" / "slow"
    messages = tmp_path / "stderr"  # a file: workers of a killed process keep a pipe open until they notice
    with messages.open("w") as stderr:
        process = subprocess.Popen(
            [*M2L_BENCH, *quick, *options],
            cwd=tmp_path,
            env=environment,
            stderr=stderr,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored by what nohup starts
        )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (folder.exists() and len(read_rows(folder)) >= 3):
        time.sleep(0.02)
    process.send_signal(sent)
    assert process.wait(timeout=60) == code, messages.read_text()
    assert "Traceback" not in messages.read_text()
    assert (code == 130) == messages.read_text().endswith("is safe, the same command goes on\n")
    safe = len(read_rows(folder))
    assert 3 <= safe < 15
    with (folder / "rows.jsonl").open("ab") as journal:
        journal.write(b'{"id": "torn off he')
    assert reconstruct_here(*options).returncode == 0
    rows = read_rows(folder)
    assert len(rows) == 15 and all(row.measured for row in rows)
    assert [session.clips for session in read_manifest(folder).sessions] == [15, 15]
    assert not list(folder.glob(".*.part*"))


def test_a_failed_write_is_one_line_and_nothing_is_lost(
    reconstruct_here: Cli, quick: list[str], tmp_path: Path
) -> None:
    """Files of 16 KiB at most, less than a reconstruction: the system refuses the rest as a full disk does."""
    options = ["--models", "reference", "--jobs", "1"]
    assert reconstruct_here(*options, "--limit", 1).returncode == 0
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384));"
        "sys.argv[0] = 'm2l-bench'; from m2l_bench.cli import main; main()"
    )
    command = [sys.executable, "-c", limited, *quick, *options]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 1
    assert "reference: cannot write (File too large). Finished clips are safe" in result.stderr
    assert "Traceback" not in result.stderr
    folder = tmp_path / "runs" / "folder-originals" / "reference"
    assert len(read_rows(folder)) == 1 and not list(folder.glob("audio/.*"))
    assert reconstruct_here(*options).returncode == 0
    assert len(read_rows(folder)) == 3


def test_two_processes_do_not_share_a_run(reconstruct_here: Cli, tmp_path: Path) -> None:
    import filelock

    assert reconstruct_here("--models", "reference", "--limit", 1).returncode == 0
    with filelock.FileLock(tmp_path / "runs" / "folder-originals" / "reference" / ".lock"):
        result = reconstruct_here("--models", "reference")
    assert result.returncode == 1
    assert "another process is working on this run" in result.stderr


def test_an_unwritable_output_folder(reconstruct_here: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = reconstruct_here("--models", "reference", "--out", tmp_path / "file" / "runs")
    assert result.returncode == 1
    assert f"{tmp_path}/file/runs/folder-originals: cannot write there (Not a directory)" in result.stderr


def test_steps_and_seed_have_runs_of_their_own(
    cli_here: Cli, reconstruct_here: Cli, quick_cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "noisy.py").write_text(
        "import torch\nfrom m2l_bench import Codec\nclass Noisy(Codec):\n    sample_rate, channels = 44100, 1\n"
        "    def encode(self, audio): return audio\n"
        "    def decode(self, latents, samples, *, steps=1, generator=None):\n"
        "        return latents + torch.randn(latents.shape, generator=generator) / (10 * steps)\n"
        "    features = encode\n"
    )
    (quick_cards / "noisy.yaml").write_text("name: noisy\ntitle: N\nkind: neural\nadapter: noisy:Noisy\nsteps: 1\n")
    for extra in ((), ("--steps", 4), ("--steps", 4, "--seed", 2), ("--steps", 1)):
        assert reconstruct_here("--models", "noisy", *extra).returncode == 0
    folder = tmp_path / "runs" / "folder-originals"
    assert sorted(path.name for path in folder.iterdir()) == ["noisy", "noisy@steps4", "noisy@steps4@seed2"]
    result = cli_here("tables")
    assert "N (4 steps, seed 2)" in result.stdout


def test_a_metric_whose_package_is_not_installed_is_named(
    originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("m2l_bench.reconstruction.plan.find_spec", lambda name: None)
    cards, settings = load_cards([]), Settings(out=tmp_path, limit=1)
    task = cards.task("folder").model_copy(update={"metrics": ["si_sdr_db", "zimtohrli"]})
    plan = make_plan(
        task, [cards.system("opus-12k")], originals, settings, skip_unavailable=False, embeddings=cards.embeddings
    )
    assert plan.paired_metrics == ("si_sdr_db",)
    assert str(plan.not_measured["zimtohrli"]) == (
        "the package zimtohrli is not installed: pip install 'm2l-bench[metrics]'"
    )


def test_long_files_are_cut_into_sections(quick_cards: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "albums", tmp_path / "runs"
    write(data / "long.wav", music(seed=0, seconds=4.3))
    write(data / "short.wav", music(seed=1, seconds=1.2))
    (outcome,) = run(quick_cards, data, out, section_seconds=1.0, keep_audio=True)
    assert outcome.folder.parent.name == "folder-albums-sections-1s"
    rows = {row.id: row for row in read_rows(outcome.folder)}
    assert sorted(rows) == ["long@0", "long@1", "long@2", "long@3", "short"]
    lengths = {id: row.reference_samples for id, row in rows.items()}
    assert lengths == {"long@0": 44_100, "long@1": 44_100, "long@2": 44_100, "long@3": 57_330, "short": 52_920}
    (measured,) = measured_runs(out).runs
    clips = originals_of(measured)
    section, rate = read_original(clips["long@2"], rows["long@2"])
    assert np.array_equal(section, audio.read(data / "long.wav", 2.0, 1.0)[0]) and rate == 44_100
    (whole,) = run(quick_cards, data, out, limit=1)
    assert whole.folder.parent.name == "folder-albums" and whole.measured == 1


def test_a_clip_that_is_too_long_is_one_failed_row(
    quick_cards: Path, originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("m2l_bench.reconstruction.work.LONGEST_SECONDS", 1.5)
    write(originals / "stated.wav", music(seconds=2.0))
    write(originals / "unstated.mp3", music(seconds=2.0))
    (outcome,) = run(quick_cards, originals, tmp_path / "runs")
    reason = "longer than 0.025 minutes: --section-seconds 60 cuts it into sections"
    assert (outcome.measured, outcome.failed) == (3, {"stated": reason, "unstated": reason})


def test_processes_that_score_do_not_wait_for_pytorch() -> None:
    code = "import sys; from m2l_bench.reconstruction.scoring import score_safely; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_threads_sleep_while_they_wait_so_that_workers_have_the_cores() -> None:
    code = "import os, m2l_bench.reconstruction.pipeline; print(os.environ['OMP_WAIT_POLICY'])"
    for chosen, expected in (({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active")):
        environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"} | chosen
        result = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert result.stdout.strip() == expected
