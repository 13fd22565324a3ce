"""Write docs/schemas/: JSON Schemas of the files in a run and of `submission.json`, from their types."""

from __future__ import annotations

import json
from pathlib import Path

from m2l_bench.runs.schema import json_schemas
from m2l_bench.submissions.schema import Submission

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schemas"


def documents() -> dict[str, str]:
    """The text of each file by its name."""
    schemas = {**json_schemas(), "submission": Submission.model_json_schema()}
    return {f"{name}.json": json.dumps(schema, indent=2) + "\n" for name, schema in schemas.items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in documents().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(FOLDER / name)
