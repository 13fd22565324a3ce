"""The notebooks run from top to bottom, on less audio, and are kept in git without outputs."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
QUICKER = {
    "denoising_steps": {"(1, 2, 4)": "(1, 2)", "(3, 2)": "(2, 1)"},
    "latents": {"else 3": "else 1"},
    "your_own_codec": {'("quick", 3)': '("quick", 2)'},
}
"""Settings of a notebook's first cell, and what takes their place here."""
QUICKEST = ("a_function", "tables")


def test_they_are_there() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["a_function", "denoising_steps", "latents", "tables", "your_own_codec"]
    listed = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    assert all(f"]({path.name})" in listed for path in NOTEBOOKS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_kept_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code), (
        "strip the outputs: python -m nbconvert --clear-output --inplace notebooks/*.ipynb"
    )
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    assert notebook.metadata.language_info == {"name": "python"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [path if path.stem in QUICKEST else pytest.param(path, marks=pytest.mark.full) for path in NOTEBOOKS],
    ids=lambda path: path.stem,
)
def test_runs_from_top_to_bottom(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    shutil.copy(path, folder)
    shutil.copytree(ROOT / "results", tmp_path / "results")
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(folder / path.name, as_version=4)
    for shown, quicker in QUICKER.get(path.stem, {}).items():
        assert shown in notebook.cells[1].source
        notebook.cells[1].source = notebook.cells[1].source.replace(shown, quicker)
    NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    outputs: list[Any] = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    printed = "".join(output["text"] for output in outputs if output.output_type == "stream")
    assert "error" not in printed.lower(), printed  # a failed `!command` does not stop a notebook
    assert any("image/png" in output.get("data", {}) for output in outputs)
