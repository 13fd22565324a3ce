"""`m2l-bench pack` and `m2l-bench train` as a user runs them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from rich.console import Console
from support.audio import music, write
from support.command_line import M2L_BENCH, Cli

from m2l_bench.datasets.base import Clip
from m2l_bench.errors import UserError
from m2l_bench.jobs import training as training_commands
from m2l_bench.jobs.training import HeldOut, TrainOptions
from m2l_bench.music2latent import Music2Latent
from m2l_bench.music2latent.training import state as states
from m2l_bench.music2latent.training.pack import pack

from .conftest import equal, rows_of

SMALL = ["--preset", "tiny", "--batch-size", "2", "--precision", "32-true"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A packed corpus and a folder of held-out audio."""
    folder = tmp_path_factory.mktemp("data")
    for number in range(2):
        write(folder / "music" / f"{number}.wav", music(1.0, seed=number))
    write(folder / "held-out" / "a.wav", music(0.1, seed=9))
    pack(folder / "music", folder / "corpus")
    return folder / "corpus", folder / "held-out"


@pytest.fixture
def arguments(folders: tuple[Path, Path]) -> list[str]:
    return ["train", "--data", str(folders[0]), "--validate-on", str(folders[1]), *SMALL]


@pytest.fixture
def train(cli_here: Cli, arguments: list[str]) -> Cli:
    return partial(cli_here, *arguments)


def started(*command: object, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    return subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


@pytest.fixture(scope="module")
def three_iterations(folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is done, of one process, with a checkpoint after each iteration."""
    out = tmp_path_factory.mktemp("run")
    training_commands.train(
        TrainOptions(
            data=[str(folders[0])],
            validate_on=folders[1],
            out=out,
            interval_minutes=0,
            preset="tiny",
            precision="32-true",
            changes={"batch_size": 2, "iterations": 3},
        ),
        Console(stderr=True),
    )
    return out


def test_pack_names_what_it_left_out(cli_here: Cli, tmp_path: Path) -> None:
    for name in ("good", "better"):
        write(tmp_path / "in" / f"{name}.wav", music(0.2))
    (tmp_path / "in" / "bad.mp3").write_bytes(b"no music")
    done = cli_here("pack", "in", "-o", "out")
    assert done.returncode == 3
    assert "bad.mp3: " in done.stderr
    assert "2 files, 0.00 hours in 1 shard" in done.stderr


def test_train_then_encode(cli_here: Cli, train: Cli, tmp_path: Path) -> None:
    done = train("--out", "run", "--iterations", "2")
    assert done.returncode == 0, done.stderr
    assert "iteration 2: loss " in done.stderr
    assert "si_sdr_db" in done.stderr
    assert done.stdout == ""
    write(tmp_path / "song.wav", music(0.5))
    encoded = cli_here("encode", "song.wav", "--weights", "run/model")
    assert encoded.returncode == 0, encoded.stderr
    again = train("--out", "run", "--iterations", "2")
    assert again.returncode == 0, again.stderr
    assert "going on from iteration 2 of run" in again.stderr


KILLED = """
import os, signal
from m2l_bench.cli import main
from m2l_bench.music2latent.training.loop import _Run
step = _Run._step
def then_killed(run, parts):
    step(run, parts)
    if run.iteration == 2:
        os.kill(os.getpid(), signal.SIGKILL)
_Run._step = then_killed
main()
"""


@pytest.mark.slow
def test_kill_minus_nine_loses_nothing_but_time(
    three_iterations: Path, train: Cli, arguments: list[str], tmp_path: Path
) -> None:
    """In the second of three iterations."""
    options = ["--iterations", "3", "--out", tmp_path, "--interval-minutes", "0"]
    process = started(sys.executable, "-c", KILLED, *arguments, *options)
    _, stderr = process.communicate()
    assert process.returncode == -signal.SIGKILL, stderr
    assert states.load(tmp_path).iteration == 1
    done = train(*options)
    assert done.returncode == 0, done.stderr
    assert rows_of(tmp_path) == rows_of(three_iterations)
    one, other = (states.load(run) for run in (three_iterations, tmp_path))
    assert equal(one.weights, other.weights)
    assert equal(one.average, other.average)


@pytest.mark.full
def test_sigterm_leaves_a_checkpoint_and_success(arguments: list[str], tmp_path: Path) -> None:
    process = started(*M2L_BENCH, *arguments, "--iterations", "1000", "--out", tmp_path)
    while not (tmp_path / "log.jsonl").exists() or '"loss"' not in (tmp_path / "log.jsonl").read_text():
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate()
    assert process.returncode == 0, stderr
    assert "ending after this step; the checkpoint follows" in stderr
    assert stdout == "" and "\x1b" not in stderr
    assert 0 < states.load(tmp_path).iteration < 1000


def test_a_run_goes_on_elsewhere_from_compact_parts(train: Cli, tmp_path: Path) -> None:
    done = train(
        "--out", tmp_path / "here", "--iterations", "1", "--compact", tmp_path / "parts", "--part-megabytes", "1"
    )
    assert done.returncode == 0, done.stderr
    parts = sorted((tmp_path / "parts").glob("*.safetensors"))
    assert len(parts) > 1
    assert all(part.stat().st_size <= 1_000_000 for part in parts)
    there = train("--out", tmp_path / "there", "--iterations", "1", "--resume", tmp_path / "parts")
    assert there.returncode == 0, there.stderr
    assert f"going on from iteration 1 of {tmp_path / 'parts'}" in there.stderr
    again = train("--out", tmp_path / "again", "--iterations", "2", "--resume", tmp_path / "here" / "model")
    assert again.returncode == 0, again.stderr
    assert states.load(tmp_path / "again").iteration == 2, "a schedule of its own"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "large"}, "no preset 'large': there are paper, official, small, mini, tiny"),
        ({"recipe": "slow"}, "no recipe 'slow': there are paper, fast"),
        ({"changes": {"optimiser": "sgd"}}, "optimiser is 'sgd': expected radam, adam or muon"),
        ({"changes": {"batch_size": None, "iterations": None}}, "pass --max-minutes or --iterations"),
        ({"data": ["nowhere"]}, "nowhere: not a packed corpus; m2l-bench pack nowhere -o corpus makes one"),
        ({"data": ["corpus=much"]}, "--data corpus=much: expected DIR or DIR=WEIGHT"),
        ({"resume": Path("nowhere")}, "nowhere: no such file"),
        ({"accumulate": 3}, "a batch of 32 cannot be split into 3 parts"),
        ({"precision": "8"}, "--precision 8"),
        ({"device": "cuda"}, "--device cuda"),
        ({"device": "abacus"}, "--device abacus"),
    ],
)
def test_unusable_options(folders: tuple[Path, Path], tmp_path: Path, options: dict, message: str) -> None:
    if options.get("device") == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    everything = {"data": [str(folders[0])], "out": tmp_path, "preset": "tiny", "device": "cpu", **options}
    with pytest.raises(UserError) as error:
        training_commands.train(TrainOptions(**everything), Console())
    assert message in str(error.value)


@pytest.mark.parametrize(("seconds", "minutes", "clips"), [(40, 1, 1), (2, 1, 3), (0.1, 1, 8), (40, None, 8)])
def test_scores_of_held_out_clips_take_a_tenth_of_the_time(
    monkeypatch: pytest.MonkeyPatch, seconds: float, minutes: float | None, clips: int
) -> None:
    """One clip at least, and without a limit of time eight; also before the first iteration."""
    now = 0.0

    def score(model: object, clips: Sequence[Clip], most: int | None = None) -> Iterator[HeldOut]:
        nonlocal now
        for clip in clips[:most]:
            now += seconds
            yield HeldOut(clip.id, np.zeros((1, 8)), np.zeros((1, 8)), 1.0, 1.0)

    monkeypatch.setattr(training_commands, "score_held_out", score)
    monkeypatch.setattr(training_commands, "time", SimpleNamespace(perf_counter=lambda: now))
    held_out = [Clip(f"clip{number}", Path()) for number in range(20)]
    validate = training_commands.held_out_validation(held_out, minutes)
    for _ in range(2):
        assert len(validate(cast(Music2Latent, None)).examples) == 2 * clips


def test_errors_end_in_one_line(train: Cli, tmp_path: Path) -> None:
    done = train("--out", tmp_path / "run", "--preset", "large")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: no preset 'large'")


def test_another_configuration_does_not_go_on(train: Cli, tmp_path: Path) -> None:
    assert train("--out", tmp_path, "--iterations", "1").returncode == 0
    for arguments, message in (
        (["--iterations", "2"], "iterations was 1, now 2"),
        (["--iterations", "1", "--no-attention"], "attention_levels was"),
        (["--iterations", "1", "--seed", "1"], "seed was 0, now 1"),
    ):
        done = train("--out", tmp_path, *arguments)
        assert done.returncode == 1
        assert message in done.stderr
        assert "give the same, or another --out" in done.stderr


def test_a_damaged_shard_is_named(folders: tuple[Path, Path], train: Cli, tmp_path: Path) -> None:
    corpus = shutil.copytree(folders[0], tmp_path / "corpus")
    shard = corpus / "shard-00000.i16"
    content = bytearray(shard.read_bytes())
    content[5000] ^= 1
    shard.write_bytes(content)
    done = train("--out", tmp_path / "run", "--iterations", "2", "--data", corpus)
    assert done.returncode == 1
    assert f"{shard}: damaged (SHA-256 differs); pack the folder again" in done.stderr


def losses(folder: Path) -> list[float]:
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [row["loss"] for row in rows if "loss" in row]


@pytest.mark.full
@pytest.mark.parametrize("nodes", [1, 2])
def test_two_processes_do_what_one_does(
    three_iterations: Path, arguments: list[str], tmp_path: Path, nodes: int
) -> None:
    """On one machine, started by torchrun, and as two machines: with the variables that torchrun sets on each."""
    port = str(20_000 + os.getpid() % 10_000 + nodes)
    script = ["-m", "m2l_bench", *arguments, "--iterations", "3", "--out", str(tmp_path / "two")]
    if nodes == 1:
        torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", port]
        processes = [started(sys.executable, *torchrun, *script)]
    else:
        shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1", "LOCAL_RANK": "0", "GROUP_WORLD_SIZE": "2"}
        shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "none"}
        processes = [
            started(sys.executable, *script, **shared, RANK=str(rank), GROUP_RANK=str(rank)) for rank in range(2)
        ]
    for process in processes:
        _, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, stderr
    assert losses(tmp_path / "two") == pytest.approx(losses(three_iterations), rel=1e-4)
    one, two = (
        Music2Latent.from_pretrained(run / "model").checkpoint.networks for run in (three_iterations, tmp_path / "two")
    )
    for ours, theirs in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-3)
