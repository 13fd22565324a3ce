"""Shards and `m2l-bench merge`: the merged run is that of one command, and what does not fit together is refused."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.audio import music, write
from support.command_line import M2L_BENCH, TESTS, Cli
from support.toy_codec import CARD as DENOISER
from support.toy_codec import Denoiser
from support.toy_embedding import CARD as TOY

from m2l_bench import evaluate
from m2l_bench.errors import UserError
from m2l_bench.runs.code_counts import read_code_counts, write_code_counts
from m2l_bench.runs.reconstruction import Run, read_manifest, read_rows
from m2l_bench.runs.schema import Row
from m2l_bench.runs.shards import Shard

RUN = Path("folder-originals") / "denoiser@seed3"
COSTS = {"encode_seconds", "decode_seconds", "peak_memory_mb"}


@pytest.fixture
def jobs(tmp_path: Path, cli_here: Cli) -> Cli:
    """`reconstruct` with a codec that adds noise, over five clips and a broken one, with a metric of whole sets."""
    cards = tmp_path / "cards"
    cards.mkdir()
    (cards / "sets.yaml").write_text("name: sets\ntitle: Sets\ndataset: folder\nmetrics: [si_sdr_db, fad_toy]\n")
    (cards / "toy.yaml").write_text(TOY)
    (cards / "denoiser.yaml").write_text(DENOISER)
    for number in range(5):
        write(
            tmp_path / "originals" / f"clip {number}.wav", music(0.3, 8000, channels=1 + number % 2, seed=number), 8000
        )
    (tmp_path / "originals" / "broken.wav").write_bytes(b"RIFF")
    options = ("--models", "denoiser", "--seed", 3, "--jobs", 1)
    return partial(cli_here, "reconstruct", "--task", "sets", "--data", "originals", "--cards", "cards", *options)


@pytest.fixture
def shards(jobs: Cli, tmp_path: Path) -> Path:
    """The folder of two finished shards."""
    for shard in ("2/2", "1/2"):
        result = jobs("--shard", shard)
        assert result.returncode == (3 if shard == "1/2" else 0), result.stderr
        assert f"shard {shard} is done: 3 of 6 clips" in result.stderr and not result.stdout
    return tmp_path / "runs" / "shards"


def numbers(run: Path) -> list[dict[str, object]]:
    """Rows of a run without what they cost."""
    return [{name: value for name, value in row.to_columns().items() if name not in COSTS} for row in read_rows(run)]


def files(folder: Path, *suffixes: str) -> dict[str, bytes]:
    """Contents of the files below a folder, of all or of these suffixes."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in paths
        if not suffixes or path.suffix in suffixes
    }


def check_merged(whole: Path, merged: Path) -> None:
    """Check that two folders of runs hold the same numbers, audio, vectors, distances and tables."""
    assert len(numbers(merged / RUN)) == 6 and numbers(merged / RUN) == numbers(whole / RUN)
    kept = files(whole / RUN.parent, ".flac", ".npy")
    assert len(kept) == 15 and files(merged / RUN.parent, ".flac", ".npy") == kept
    distances = [json.loads((out / RUN / "distances.json").read_text()) for out in (whole, merged)]
    assert distances[0] == distances[1] and distances[0]["originals"]["fad_toy"]["value"] > 0
    assert not list((merged / RUN).glob("*.jsonl")) and not list(merged.rglob(".*.part*"))


def test_the_merged_run_is_that_of_one_command(jobs: Cli, shards: Path, cli_here: Cli, tmp_path: Path) -> None:
    whole, runs = tmp_path / "whole", tmp_path / "runs"
    assert jobs("--out", whole).returncode == 3
    assert "no runs there" in cli_here("tables", "runs").stderr
    assert not list(shards.rglob("distances.json")), "a part of the clips has other distances than the whole"
    before = files(shards)
    result = cli_here("merge")
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"runs/{RUN}: 6 clips of 2 shards, 1 of them without metrics\n"
    assert result.stderr.splitlines()[-1] == "runs/shards is not needed any more"
    check_merged(whole, runs)
    manifests = [read_manifest(out / RUN) for out in (whole, runs)]
    assert manifests[0].key == manifests[1].key and manifests[0].metric_versions == manifests[1].metric_versions
    assert [(session.shard, session.clips, session.number) for session in manifests[1].sessions] == [
        ("2/2", 6, 1),
        ("1/2", 6, 2),
    ]
    tables = []
    for out in (whole, runs):
        assert cli_here("tables", out).returncode == 0
        table = pd.read_csv(out / "table2.csv")
        tables.append(table[[name for name in table if "realtime" not in name and name not in COSTS]])
    assert len(tables[0].columns) > 5 and tables[0].equals(tables[1])
    assert files(shards) == before

    merged = files(runs)
    assert cli_here("merge").returncode == 0
    assert files(runs) == merged
    shutil.rmtree(shards)
    (tmp_path / "originals" / "broken.wav").unlink()
    assert jobs().returncode == 0
    assert len(read_manifest(runs / RUN).sessions) == 2, "the command without --shard finds everything done"


def test_counts_of_codes_are_merged(shards: Path, cli_here: Cli, tmp_path: Path) -> None:
    part = shards / "1-of-2" / RUN
    clip = next(row.id for row in read_rows(part) if row.measured)
    counts = np.arange(12).reshape(3, 4)
    write_code_counts(part, clip, counts)
    assert cli_here("merge").returncode == 0
    merged = read_code_counts(tmp_path / "runs" / RUN, clip)
    assert merged is not None and np.array_equal(merged, counts)


@pytest.mark.full
def test_an_unfinished_run_is_completed(jobs: Cli, cli_here: Cli, tmp_path: Path) -> None:
    whole, run = tmp_path / "whole", tmp_path / "runs" / RUN
    jobs("--out", whole)
    assert jobs("--limit", 3).returncode == 3
    earlier = {row.id: row for row in read_rows(run) if row.measured}
    for shard in ("1/2", "2/2"):
        jobs("--shard", shard)
    assert cli_here("merge").returncode == 0
    check_merged(whole, tmp_path / "runs")
    rows = {row.id: row for row in read_rows(run)}
    assert len(earlier) == 2 and all(rows[id] == row for id, row in earlier.items())
    assert [session.shard for session in read_manifest(run).sessions] == ["", "1/2", "2/2"]
    assert [path.name for path in run.parent.iterdir() if path.name != "_originals"] == [run.name]


@pytest.mark.full
def test_a_change_of_the_audio_starts_a_run_beside_the_earlier_one(jobs: Cli, cli_here: Cli, tmp_path: Path) -> None:
    jobs()
    write(tmp_path / "originals" / "clip 1.wav", music(0.3, 8000, seed=9), 8000)
    for shard in ("1/2", "2/2"):
        jobs("--shard", shard)
    assert cli_here("merge").returncode == 0
    assert len(read_rows(tmp_path / "runs" / RUN.parent / f"{RUN.name}~2")) == 6


def other_version(jobs: Cli, shards: Path, patch: pytest.MonkeyPatch) -> str:
    patch.setattr(Denoiser, "version", "2")
    jobs("--shard", "2/2")
    return "shard 2/2: adapter version 2, shard 1/2 has 1: run both jobs again with the same data and options"


def other_metrics(jobs: Cli, shards: Path, patch: pytest.MonkeyPatch) -> str:
    jobs("--shard", "1/2", "--columns", "level")
    return "shard 2/2: clipping_difference_pct was not measured, unlike in shard 1/2: run both jobs again"


def other_clips(jobs: Cli, shards: Path, patch: pytest.MonkeyPatch) -> str:
    write(shards.parents[1] / "originals" / "new.wav", music(0.3, 8000), 8000)
    jobs("--shard", "2/2")
    return "shard 2/2: the dataset had other clips than for shard 1/2"


def other_count(jobs: Cli, shards: Path, patch: pytest.MonkeyPatch) -> str:
    jobs("--shard", "2/3")
    return "there are shards of 2 and of 3: delete those that are not to be merged, runs/shards/*-of-N/folder-originals"


def other_seed(jobs: Cli, shards: Path, patch: pytest.MonkeyPatch) -> str:
    jobs("--shard", "2/2", "--seed", "4")
    return "denoiser@seed4: shards missing: 1/2: nothing is merged"


def missing(jobs: Cli, shards: Path, patch: pytest.MonkeyPatch) -> str:
    shutil.rmtree(shards / "1-of-2")
    return f"{RUN}: shards missing: 1/2: nothing is merged until their jobs are done"


def interrupted(jobs: Cli, shards: Path, patch: pytest.MonkeyPatch) -> str:
    def interrupt(run: Run, row: Row) -> None:
        raise KeyboardInterrupt

    write(shards.parents[1] / "originals" / "clip 2.wav", music(0.3, 8000, seed=9), 8000)
    patch.setattr(Run, "append", interrupt)
    assert jobs("--shard", "2/2").returncode == 130
    return "shards not finished: 2/2"


def same_clip(jobs: Cli, shards: Path, patch: pytest.MonkeyPatch) -> str:
    shutil.rmtree(shards / "2-of-2")
    shutil.copytree(shards / "1-of-2", shards / "2-of-2")
    table = shards / "2-of-2" / RUN / "clips.parquet"
    rows = pd.read_parquet(table)
    rows.assign(si_sdr_db=rows["si_sdr_db"] + 1).to_parquet(table)
    return "the clip 'broken' is in shard 1/2 and in shard 2/2"


def lost_audio(jobs: Cli, shards: Path, patch: pytest.MonkeyPatch) -> str:
    (shards / "1-of-2" / RUN / "audio" / "clip 1.flac").unlink()
    return "audio/clip 1.flac: missing: delete "


def lost_rows(jobs: Cli, shards: Path, patch: pytest.MonkeyPatch) -> str:
    (shards / "1-of-2" / RUN / "clips.parquet").unlink()
    return "the row of 'broken' is missing: run the job of shard 1/2 again"


def damaged_record(jobs: Cli, shards: Path, patch: pytest.MonkeyPatch) -> str:
    (shards / "1-of-2" / RUN.parent / f"{RUN.name}.finished.json").write_text("{")
    return "finished.json: damaged; run the job of this shard again"


def nothing(jobs: Cli, shards: Path, patch: pytest.MonkeyPatch) -> str:
    shutil.rmtree(shards)
    return "runs/shards: no shards there"


OTHER_JOBS = [other_version, other_metrics, other_clips, other_count, other_seed, interrupted]
DAMAGE = [missing, same_clip, lost_audio, lost_rows, damaged_record, nothing]


def test_what_does_not_fit_together_is_refused_in_one_line(
    jobs: Cli, shards: Path, cli_here: Cli, tmp_path: Path
) -> None:
    for folder in (shards, tmp_path / "originals"):
        shutil.copytree(folder, tmp_path / "whole" / folder.name)
    for fault in (*OTHER_JOBS, *DAMAGE):
        with pytest.MonkeyPatch.context() as patch:
            expected = fault(jobs, shards, patch)
        result = cli_here("merge")
        assert result.returncode == 1, fault.__name__
        assert expected in result.stderr and len(result.stderr.splitlines()) == 1, result.stderr
        assert [path.name for path in (tmp_path / "runs").iterdir()] in (["shards"], [])
        for folder in (shards, tmp_path / "originals"):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(tmp_path / "whole" / folder.name, folder)
    assert cli_here("merge").returncode == 0


KILLED_MERGE = """
import os, pathlib, signal, sys
from m2l_bench.progress import Quiet
from m2l_bench.reconstruction.merge import merge
left, replace = int(sys.argv[1]), pathlib.Path.replace
def killed(self, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)
pathlib.Path.replace = killed
list(merge(pathlib.Path("runs"), Quiet()))
"""


def test_a_killed_merge_goes_on(jobs: Cli, shards: Path, cli_here: Cli, tmp_path: Path) -> None:
    """After the manifest and four files, between the manifest with the sessions and the rows, before the distances."""
    jobs("--out", "whole")
    before = files(shards)
    for count in (5, 17, 18):
        shutil.rmtree(tmp_path / "runs" / RUN.parent, ignore_errors=True)
        process = subprocess.run([sys.executable, "-c", KILLED_MERGE, str(count)], cwd=tmp_path)
        assert process.returncode == -signal.SIGKILL
        assert (tmp_path / "runs" / RUN / "clips.parquet").exists() == (count == 18)
        assert len(files(tmp_path / "runs" / RUN.parent, ".flac", ".npy")) >= min(count - 1, 15)
        assert cli_here("merge").returncode == 0
        check_merged(tmp_path / "whole", tmp_path / "runs")
        assert [session.shard for session in read_manifest(tmp_path / "runs" / RUN).sessions] == ["2/2", "1/2"]
    assert files(shards) == before


KILLER = """
import os, signal
from pathlib import Path
from support.toy_codec import Denoiser
class Killer(Denoiser):
    def encode(self, audio):
        if Path("armed").exists() and list(Path("runs").rglob("*.flac")):
            os.kill(os.getpid(), signal.SIGKILL)
        return audio
"""


@pytest.mark.full
def test_a_killed_shard_goes_on(jobs: Cli, cli_here: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "killer.py").write_text(KILLER)
    (tmp_path / "cards" / "denoiser.yaml").write_text(DENOISER.replace("support.toy_codec:Denoiser", "killer:Killer"))
    jobs("--out", "whole")
    (tmp_path / "armed").touch()
    command = [*M2L_BENCH, *map(str, jobs.args), "--shard", "2/2"]  # type: ignore[attr-defined]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), TESTS, os.environ.get("PYTHONPATH", "")])}
    assert subprocess.run(command, cwd=tmp_path, env=environment).returncode == -signal.SIGKILL
    (tmp_path / "armed").unlink()
    jobs("--shard", "1/2")
    assert "denoiser@seed3: shards not finished: 2/2" in cli_here("merge").stderr
    assert jobs("--shard", "2/2").returncode == 0
    assert cli_here("merge").returncode == 0
    check_merged(tmp_path / "whole", tmp_path / "runs")
    sessions = read_manifest(tmp_path / "runs" / RUN).sessions
    assert [(session.shard, bool(session.finished)) for session in sessions] == [
        ("2/2", False),
        ("1/2", True),
        ("2/2", True),
    ]


def test_more_shards_than_clips(jobs: Cli, cli_here: Cli, tmp_path: Path) -> None:
    for name in ("broken", "clip 2", "clip 3", "clip 4"):
        (tmp_path / "originals" / f"{name}.wav").unlink()
    for index in (1, 2, 3):
        result = jobs("--shard", f"{index}/3")
        assert result.returncode == 0, result.stderr
        assert f"shard {index}/3 is done: {int(index < 3)} of 2 clips" in result.stderr
    assert "2 clips of 3 shards" in cli_here("merge").stdout


@pytest.mark.parametrize("shard", ["0/4", "5/4", "a/b", "1/0", "-1/4", "1/4/4", "1", " 1/4", "٣/4", ""])
def test_shards_that_are_none(shard: str) -> None:
    with pytest.raises(UserError, match=f"^--shard {shard}: expected I/N with I from 1 to N"):
        Shard.parse(shard)


@pytest.mark.parametrize("command", ["reconstruct", "encode .", "probe --task mini-tinysol-pitch"])
def test_a_shard_that_is_none_is_one_line(cli_here: Cli, command: str) -> None:
    for shard in ("5/4", ""):
        result = cli_here(*command.split(), "--shard", shard)
        assert result.returncode == 1 and len(result.stderr.splitlines()) == 1
        assert result.stderr.startswith(f"error: --shard {shard}: expected I/N"), result.stderr


def test_a_shard_in_memory_needs_a_folder() -> None:
    with pytest.raises(UserError, match="needs `out`"):
        evaluate(lambda audio: audio, shard="1/2")


def test_parts_are_disjoint_complete_and_of_equal_size() -> None:
    names = [str(number) for number in range(23)]
    parts = [Shard(index, 4).part(names[::-1], str) for index in range(1, 5)]
    assert sorted(name for part in parts for name in part) == sorted(names)
    assert [len(part) for part in parts] == [6, 6, 6, 5]
