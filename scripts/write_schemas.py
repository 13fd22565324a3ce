"""Write docs/schemas/: JSON Schemas of the files in a run, from their types in m2l_bench/runs/schema.py."""

from __future__ import annotations

import json
from pathlib import Path

from m2l_bench.runs.schema import json_schemas

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schemas"


def documents() -> dict[str, str]:
    """The text of each file by its name."""
    return {f"{name}.json": json.dumps(schema, indent=2) + "\n" for name, schema in json_schemas().items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in documents().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(FOLDER / name)
