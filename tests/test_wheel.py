"""The wheel, installed where nothing of the checkout can be seen, brings its cards and clips."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from m2l_bench import __version__

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.full
def test_the_wheel_lists_its_cards_in_an_empty_environment(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", tmp_path, ROOT], check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert sum(name.endswith(".opus") for name in names) == 30
    assert {"m2l_bench/py.typed", "m2l_bench/results/published/paper/table2.csv"} <= set(names)
    assert wheel.name == f"m2l_bench-{__version__}-py3-none-any.whl"
    assert {"m2l_bench/listen/page/page.html", "m2l_bench/listen/page/main.js"} <= set(names)
    assert {f"m2l_bench/report/{name}" for name in ("report.html.j2", "macros.html.j2", "report.css")} <= set(names)
    assert "m2l_bench/embeddings/weights/musicnn_msd.safetensors" in names
    mini = "m2l_bench/music2latent/weights/mini"
    assert {f"{mini}/model.safetensors", f"{mini}/config.json", f"{mini}/MODEL_CARD.md"} <= set(names)
    assert not [name for name in names if name.startswith(("tests", "tasks", "baselines"))]
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [*pip, "--python", python, "install", "--no-compile", "-c", ROOT / "constraints.txt"]
    # What listing needs; torch and the rest would only make this slow.
    subprocess.run([*install, "typer", "rich", "pydantic", "pyyaml", "soundfile", "huggingface-hub"], check=True)
    subprocess.run([*install, "--no-deps", wheel], check=True)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def listed(command: str) -> set[str]:
        script = tmp_path / "venv" / "bin" / "m2l-bench"
        result = subprocess.run(
            [script, command, "--json"], check=True, capture_output=True, text=True, cwd=tmp_path, env=environment
        )
        return {card["name"] for card in json.loads(result.stdout)}

    assert listed("models") == {path.stem for path in (ROOT / "baselines").glob("*.yaml")}
    assert listed("tasks") == {path.stem for path in (ROOT / "tasks").glob("*.yaml")}
