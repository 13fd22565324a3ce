"""The engine of a Ray cluster: two nodes on this machine, of which one is lost, and a command that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.audio import write

import m2l_bench as mb
from m2l_bench.engine import ray_cluster
from m2l_bench.engine.base import Work
from m2l_bench.engine.choice import EngineChoice
from m2l_bench.engine.ray_cluster import RayEngine
from m2l_bench.errors import UserError
from m2l_bench.progress import Quiet
from m2l_bench.runs.reconstruction import read_rows
from m2l_bench.runs.schema import Row

ray = pytest.importorskip("ray")

CLIPS = 24
RATE = 22_050


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("music"), np.random.default_rng(0)
    for number in range(CLIPS):
        write(folder / f"{number:02}.wav", 0.1 * rng.standard_normal((1, RATE)).astype(np.float32), RATE)
    return folder


def square_or_die(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    return number * number


def load_squares(device: str) -> Work[int, tuple[str, int]]:
    return lambda numbers: ((ray.get_runtime_context().get_node_id(), square_or_die(number)) for number in numbers)


@pytest.mark.full
def test_both_nodes_work_and_a_process_that_dies_costs_its_own_item_only(engine: RayEngine) -> None:
    results = list(engine.map_on_devices(load_squares, range(9), 2, lambda number: ("lost", number)))
    assert engine.devices == ["cpu", "cpu"] and engine.jobs == 2
    assert sorted(square for _, square in results) == sorted([3, *(i * i for i in range(9) if i != 3)])
    assert ("lost", 3) in results and len({node for node, _ in results}) == 3


@pytest.mark.full
def test_a_task_that_dies_costs_itself_only(engine: RayEngine) -> None:
    results = list(engine.map(square_or_die, ((number,) for number in range(5)), lambda number: -number))
    assert sorted(results) == [-3, 0, 1, 4, 16]


def test_an_error_of_our_own_is_raised_as_it_was_raised_there(engine: RayEngine) -> None:
    with pytest.raises(UserError, match="no such weights"):
        list(engine.map_on_devices(load_nothing, range(3), 1, lambda number: number))


def load_nothing(device: str) -> Work[int, int]:
    raise UserError("no such weights")


def test_a_node_with_another_version_is_refused(
    cluster: Any, engine: RayEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_cluster, "__version__", "9.9")
    with pytest.raises(UserError, match=rf"has m2l-bench {mb.__version__}, this machine has 9\.9: install the same"):
        RayEngine(cluster.address, "auto")


@pytest.mark.full
def test_a_node_that_was_just_lost_is_passed_over(cluster: Any, engine: RayEngine) -> None:
    cluster.remove_node(cluster.add_node(num_cpus=1), allow_graceful=False)
    assert RayEngine(cluster.address, "auto").jobs == 2


def test_a_gpu_that_no_node_has_is_asked_for(cluster: Any, engine: RayEngine) -> None:
    with pytest.raises(UserError, match="no node of the cluster has a GPU"):
        RayEngine(cluster.address, "cuda")
    with pytest.raises(UserError, match="expected auto, cpu or cuda"):
        RayEngine(cluster.address, "cuda:1")
    with pytest.raises(UserError, match=r"--address 10\.0\.0\.1:6379: this process is already in the cluster"):
        RayEngine("10.0.0.1:6379", "auto")
    with pytest.raises(UserError, match="--jobs 4: not with --engine ray"):
        EngineChoice("ray", cluster.address).start("auto", jobs=4)


def working_folder(device: str = "") -> Work[int, Path]:
    return lambda numbers: (Path.cwd() for _ in numbers)


def test_relative_paths_mean_the_same_everywhere(
    engine: RayEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(engine.map(Path.cwd, [()])) == [tmp_path]
    assert list(engine.map_on_devices(working_folder, range(2), 1, lambda _: Path())) == [tmp_path, tmp_path]


def test_the_number_type_does_not_depend_on_this_machine(engine: RayEngine) -> None:
    assert engine.precision("auto") == "float32" and engine.precision("bfloat16") == "bfloat16"


class AfterClips(Quiet):
    """Does something after a number of clips."""

    def __init__(self, clips: int, act: Callable[[], None]) -> None:
        self.left, self.act = clips, act

    @contextmanager
    def start(self, name: str, total: int, done: int) -> Iterator[Callable[[], None]]:
        def advance() -> None:
            self.left -= 1
            if self.left == 0:
                self.act()

        yield advance


def rows_of(folder: Path) -> dict[str, Row]:
    (run,) = folder.glob("*/lowpass-7k")
    return {row.id: row for row in read_rows(run)}


def check_equal(remote: Path, local: Path) -> None:
    """Check that two folders have the same rows; sums of samples are rounded as their place in memory has it."""
    rows = rows_of(local)
    assert len(rows) == CLIPS and rows_of(remote).keys() == rows.keys()
    for id, row in rows_of(remote).items():
        assert row.measured and row.source_sha256 == rows[id].source_sha256
        assert row.value("si_sdr_db") == pytest.approx(rows[id].value("si_sdr_db"), rel=1e-12)


def test_rows_are_those_of_one_process_though_a_node_is_lost(
    cluster: Any, engine: RayEngine, music: Path, tmp_path: Path
) -> None:
    asked = {"task": "folder", "data": music, "metrics": ["si_sdr_db"]}
    mb.evaluate("lowpass-7k", **asked, jobs=1, out=tmp_path / "local")
    node = cluster.add_node(num_cpus=1)
    progress = AfterClips(CLIPS // 3, lambda: cluster.remove_node(node, allow_graceful=False))
    remote = {"engine": "ray", "address": cluster.address, "progress": progress}
    mb.evaluate("lowpass-7k", **asked, **remote, out=tmp_path / "remote")
    assert progress.left < 0
    check_equal(tmp_path / "remote", tmp_path / "local")


@pytest.mark.full
def test_a_killed_command_goes_on(cluster: Any, engine: RayEngine, music: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    program = "import sys, m2l_bench as mb\nmb.evaluate('lowpass-7k', 'folder', data=sys.argv[1], out=sys.argv[2], "
    program += "metrics=['si_sdr_db'], engine='ray', address=sys.argv[3])"
    command = [sys.executable, "-c", program, str(music), str(out), cluster.address]
    killed = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and not any(len(lines(path)) >= 4 for path in out.rglob("rows.jsonl")):
        time.sleep(0.1)
    killed.kill()
    killed.wait()
    (log,) = out.rglob("rows.jsonl")
    before = lines(log)
    assert 4 <= len(before) < CLIPS
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    mb.evaluate("lowpass-7k", "folder", data=music, metrics=["si_sdr_db"], jobs=1, out=tmp_path / "local")
    check_equal(out, tmp_path / "local")


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def test_an_address_where_nothing_answers_is_one_line() -> None:
    code = "from m2l_bench.engine.ray_cluster import RayEngine; RayEngine('127.0.0.1:9', 'auto')"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = result.stderr.strip().splitlines()[-1]
    assert "--address 127.0.0.1:9: no Ray cluster answers" in last
