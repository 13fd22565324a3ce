"""Types of what is on disk: damaged and foreign content is one line, and the documents are current."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from m2l_bench.errors import UserError
from m2l_bench.runs.reconstruction import find_runs, read_manifest, read_rows
from m2l_bench.runs.schema import DISTANCES, Manifest, Row, json_schemas, read_stored

ROOT = Path(__file__).resolve().parents[2]
SCHEMA1 = Path(__file__).parent / "schema1"


def test_the_documents_are_current() -> None:
    for name, schema in json_schemas().items():
        document = ROOT / "docs" / "schemas" / f"{name}.json"
        stored = _without_what_goes_unsaid(json.loads(document.read_text()))
        assert stored == _without_what_goes_unsaid(schema), "run `python scripts/write_schemas.py`"


def _without_what_goes_unsaid(schema: Any) -> Any:
    """Leave out that further properties are allowed: this is so by default, and older versions of pydantic omit it."""
    if isinstance(schema, list):
        return [_without_what_goes_unsaid(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_what_goes_unsaid(value)
        for key, value in schema.items()
        if (key, value) != ("additionalProperties", True)
    }


def test_a_row_is_the_same_after_a_round_trip() -> None:
    row = Row(id="a", values={"si_sdr_db": 1.5, "visqol": None}, notes={"visqol": "silent"}, frames={"fad": 3})
    columns = row.to_columns()
    assert columns["si_sdr_db"] == 1.5 and columns["visqol_note"] == "silent" and columns["fad_frames"] == 3
    assert Row.from_columns(json.loads(json.dumps(columns))) == row


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": None}, r"'key': .*; delete it"),
        ({"metric_versions": {"m": 1}}, r"'metric_versions.m': Input should be a valid string; delete it"),
        ({"sessions": [{"started": "x", "startet": "y"}]}, r"'sessions.0.startet': Extra inputs"),
    ],
)
def test_an_edited_manifest_is_one_line_with_the_key(change: dict[str, object], message: str) -> None:
    (folder, *_) = find_runs(SCHEMA1 / "runs")
    content = read_manifest(folder).model_dump() | change
    with pytest.raises(UserError, match=message) as error:
        read_stored(Path("manifest.json"), Manifest.model_validate, content, "delete it")
    assert str(error.value).startswith("manifest.json: ") and "\n" not in str(error.value)


def test_damaged_rows_name_file_line_and_what_to_do(tmp_path: Path) -> None:
    good = json.dumps(Row(id="a").to_columns())
    for bad, message in (
        ('{"id": "b", "channels": "two"}', r"rows\.jsonl: 'channels': .*; delete line 2 to measure this clip again"),
        ('{"id": ', r"rows\.jsonl, line 2: damaged .*; delete line 2"),
        ("[1]", r"rows\.jsonl: not a row; delete line 2"),
    ):
        (tmp_path / "rows.jsonl").write_text(f"{good}\n{bad}\n{good}\n")
        with pytest.raises(UserError, match=message):
            read_rows(tmp_path)


def test_a_foreign_table_is_named(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"name": ["x"]}), tmp_path / "clips.parquet")
    with pytest.raises(UserError, match=r"clips\.parquet: 'id': Field required; delete it"):
        read_rows(tmp_path)


def test_distances_are_checked() -> None:
    with pytest.raises(UserError, match=r"distances\.json: 'originals\.fad\.digest': Field required"):
        read_stored(Path("distances.json"), DISTANCES.validate_python, {"originals": {"fad": {}}}, "delete it")
