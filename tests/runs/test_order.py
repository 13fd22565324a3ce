"""Which run is the newest: a counter decides, and times only between folders and among runs from before it."""

from __future__ import annotations

from pathlib import Path

from support.runs import probe_key, probe_results, run_key, write_probe, write_run

from m2l_bench.runs.order import newest_first
from m2l_bench.runs.probe import find_probes, newest_probes
from m2l_bench.runs.reconstruction import read_manifest
from m2l_bench.runs.schema import Origin, Session

HERE, THERE = Path("here"), Path("there")


def order(*runs: tuple[Path, int, str]) -> str:
    """Names a, b, c ... of runs of (folder, number, time), the newest first."""
    entries = [(folder, Origin(started=time, number=number)) for folder, number, time in runs]
    return "".join(newest_first((*entry, name) for entry, name in zip(entries, "abcdefg", strict=False)))


def test_the_counter_decides_and_not_the_clock() -> None:
    assert order((HERE, 1, "2026-03"), (HERE, 2, "2026-01"), (HERE, 3, "2026-02")) == "cba"


def test_runs_from_before_the_counter_come_first_in_the_order_of_their_times() -> None:
    assert order((HERE, 1, "2026-01"), (HERE, 0, "2026-05"), (HERE, 0, "2026-04")) == "abc"


def test_times_decide_between_folders() -> None:
    assert order((HERE, 9, "2026-01"), (THERE, 1, "2026-02"), (HERE, 10, "2026-03")) == "cba"
    assert order((HERE, 1, "2026-05"), (HERE, 2, "2026-01"), (THERE, 1, "2026-03")) == "bac"


def test_every_command_has_the_next_number_of_its_dataset(tmp_path: Path) -> None:
    sessions = {system: Session(started=time) for system, time in (("a", "2026-03"), ("b", "2026-01"))}
    folders = [write_run(tmp_path, run_key(system), [], session=session) for system, session in sessions.items()]
    (tmp_path / "data" / "broken").mkdir()
    (tmp_path / "data" / "broken" / "manifest.json").write_text("{")
    again = write_run(tmp_path, run_key("a"), [], session=sessions["a"])
    numbers = [[session.number for session in read_manifest(folder).sessions] for folder in folders]
    assert again == folders[0] and numbers == [[1, 3], [2]]


def test_a_probe_made_after_the_clock_went_back_is_the_newest(tmp_path: Path) -> None:
    for seeds, time in ((2, "2026-03"), (3, "2026-01")):
        write_probe(
            tmp_path,
            probe_key("net", seeds=seeds, versions={"x": time}),
            probe_results(metrics={}, classes=[]),
            made=Origin(started=time),
        )
    newest, notes = newest_probes(find_probes(tmp_path))
    assert [run.key.seeds for run in newest.values()] == [3] and len(notes) == 1
