"""Workers that die, and a main process that does; processes of devices that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from m2l_bench.engine import map_unordered
from m2l_bench.engine.devices import Work, map_on_devices

PROGRAM = """
import os, sys, time
from m2l_bench.engine import map_unordered

def slow(number):
    open(f"{sys.argv[1]}/{os.getpid()}", "w").close()
    time.sleep(60)

if __name__ == "__main__":
    list(map_unordered(slow, [(i,) for i in range(4)], 2))
"""


def square_or_die(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    return number * number


def minus_one(number: int) -> int:
    return -1


@pytest.mark.parametrize("count", [4, 12])
def test_a_worker_that_dies_costs_its_own_task_only(count: int) -> None:
    results = sorted(map_unordered(square_or_die, ((i,) for i in range(count)), 2, minus_one))
    assert results == sorted([-1, *(i * i for i in range(count) if i != 3)])


def test_workers_are_there_again_afterwards() -> None:
    list(map_unordered(square_or_die, [(3,), (1,)], 2, minus_one))
    assert sorted(map_unordered(square_or_die, [(1,), (2,)], 2)) == [1, 4]


def load_squares(device: str) -> Work[int, tuple[str, int, int]]:
    return lambda numbers: ((device, os.getpid(), square_or_die(number)) for number in numbers)


def test_a_device_s_process_that_dies_costs_its_own_item_only() -> None:
    """Each device has one process, which loads once and gets all that the other device leaves."""
    results = list(map_on_devices(load_squares, range(9), ["a", "b"], 2, lambda number: ("lost", 0, number)))
    assert sorted(square for _, _, square in results) == sorted([3, *(i * i for i in range(9) if i != 3)])
    assert ("lost", 0, 3) in results
    processes = {name: {process for device, process, _ in results if device == name} for name in "ab"}
    assert all(processes.values()) and min(map(len, processes.values())) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_no_worker_outlives_the_main_process(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    (tmp_path / "workers").mkdir()
    process = subprocess.Popen([sys.executable, program, tmp_path / "workers"], env=os.environ)
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "workers").iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    workers = [int(path.name) for path in (tmp_path / "workers").iterdir()]
    assert len(workers) == 2
    process.kill()
    process.wait()
    deadline = time.monotonic() + 30
    while any(_runs(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not any(_runs(worker) for worker in workers)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
