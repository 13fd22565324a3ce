import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.runs import measured_row, run_key, system_card

from m2l_bench.errors import UserError
from m2l_bench.runs.files import file_name
from m2l_bench.runs.reconstruction import is_complete, open_run, read_manifest, read_rows
from m2l_bench.runs.schema import Row

KEY = run_key("sys", metric_versions={"m": "1"})
CARD = system_card()


def row(id: str, value: float = 1.0) -> Row:
    return measured_row(id, {"m": value})


@given(st.text(min_size=1))
def test_any_id_is_a_safe_file_name(id: str) -> None:
    name = file_name(id.encode("utf-8", "replace").decode())
    assert "/" not in name and "\n" not in name and not name.startswith(".") and 0 < len(name.encode()) <= 250


def test_different_ids_have_different_names() -> None:
    ids = ["a/b", "a_b", "a%2Fb", "a b", "x" * 500, "x" * 501, "ü", ".a", "%2Ea"]
    assert len({file_name(id) for id in ids}) == len(ids)


def test_rows_survive_with_their_types_and_infinity(tmp_path: Path) -> None:
    with open_run(tmp_path, KEY, CARD, lambda _: True) as run:
        run.append(row("a", float("inf")))
        run.append(Row(id="b", status="failed", reason="why"))
        assert len(read_rows(run.folder)) == 2, "rows are on the disk before the run is closed"
    rows = {row.id: row for row in read_rows(run.folder)}
    assert rows["a"].value("m") == float("inf") and rows["b"].reason == "why" and rows["b"].value("m") is None


def test_a_row_needs_each_metric_or_its_reason() -> None:
    silent = row("a").model_copy(update={"values": {"m": 1.0, "new": None}, "notes": {"new": "silent"}})
    assert is_complete(row("a"), ["m"])
    assert not is_complete(row("a"), ["m", "new"])
    assert is_complete(silent, ["m", "new"])
    assert not is_complete(Row(id="a", status="failed"), [])


def test_a_metric_added_later_goes_into_the_same_run_but_another_version_does_not(tmp_path: Path) -> None:
    with open_run(tmp_path, KEY, CARD, lambda _: True) as first:
        first.append(row("a"))
    added = replace(KEY, metric_versions={"m": "1", "new": "1"})
    with open_run(tmp_path, added, CARD, lambda _: True) as second:
        assert second.folder == first.folder
    changed = replace(KEY, metric_versions={"new": "2"})
    with open_run(tmp_path, changed, CARD, lambda _: True) as third:
        assert third.folder.name == "sys~2"


def test_a_foreign_or_damaged_run_is_named(tmp_path: Path) -> None:
    with open_run(tmp_path, KEY, CARD, lambda _: True) as run:
        run.append(row("a"))
    (run.folder / "clips.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(UserError, match=r"clips\.parquet: damaged"):
        read_rows(run.folder)
    manifest = read_manifest(run.folder).model_dump(mode="json") | {"schema_version": 99}
    (run.folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="schema 99"):
        read_manifest(run.folder)
    (run.folder / "manifest.json").write_text("{")
    with pytest.raises(UserError, match="not a run's manifest"):
        read_manifest(run.folder)


def test_an_interrupt_right_after_a_row_is_written_does_not_lose_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(descriptor: int) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), open_run(tmp_path, KEY, CARD, lambda _: True) as run:
        run.append(row("a"))
        monkeypatch.setattr("m2l_bench.runs.reconstruction.os.fsync", interrupted)
        run.append(row("b"))
    assert [read.id for read in read_rows(run.folder)] == ["a", "b"]
