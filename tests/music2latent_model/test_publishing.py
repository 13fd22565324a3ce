"""Uploads to a hub-shaped local server: what arrives, what its card says, and the model that comes back."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file
from support.audio import music
from support.hub_server import serve
from support.runs import measured_row, run_key, write_run
from typer.testing import CliRunner

from m2l_bench.cli import make_app
from m2l_bench.errors import UserError
from m2l_bench.jobs.publishing import figures_of
from m2l_bench.music2latent import CheckpointError, Config, Music2Latent, checkpoint
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.music2latent.model_card import model_card
from m2l_bench.music2latent.names import hub_file, locate
from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.training import state as states
from m2l_bench.music2latent.training.curve import loss_curve
from m2l_bench.music2latent.training.recipe import Recipe
from m2l_bench.music2latent.training.record import read_record
from m2l_bench.music2latent.training.schedules import Schedule


@pytest.fixture
def training(tmp_path: Path, networks: Networks) -> Path:
    """The folder of a training of ten iterations, without the state of its optimisers."""
    folder = tmp_path / "run"
    recipe = Recipe(batch_size=8, iterations=20)
    weights = networks.state_dict()
    schedule = Schedule.known(20, recipe)
    state = states.State(networks.config, recipe, 3, weights, weights, 10, schedule, seconds=1800.0)
    states.save(state, folder)
    checkpoint.save(networks, folder / "model")
    rows = [{"iteration": 0, "seconds": 1, "si_sdr_db": -40.0}]
    rows += [{"iteration": number, "seconds": 2, "loss": 1 / number} for number in (1, 5, 10)]
    rows += [{"iteration": 10, "seconds": 3, "si_sdr_db": -20.25}]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    corpus = {"name": "songs", "files": 3, "hours": 1.5, "share": 1.0, "hours_by_licence": {"CC0": 1.25, "": 0.25}}
    (folder / "data.json").write_text(json.dumps([corpus]))
    return folder


def test_there_and_back(tmp_path: Path, training: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    model = Music2Latent.from_pretrained(training)
    audio = music(0.5, channels=1)
    with serve("me/mine", {}, uploads=uploads) as hub:
        hub.use_here(monkeypatch, tmp_path / "home")
        with pytest.raises(
            CheckpointError, match=r"^me/mine: not uploaded \(.*; it needs .* `hf auth login`"
        ) as refused:
            model.push_to_hub("me/mine")
        address = model.push_to_hub("me/mine", token="hf_secret", private=True, commit_message="first")
        again = Music2Latent.from_pretrained("me/mine")
        assert torch.equal(again.encode(audio), model.encode(audio))
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        model.push_to_hub("me/mine", revision="second", license="mit")
        assert Music2Latent.from_pretrained("me/mine", revision="second").config == model.config
        request = model.push_to_hub("me/mine", create_pr=True)
        with pytest.raises(CheckpointError, match="'me/yours' is no file or folder, and on the hub me/yours/model"):
            Music2Latent.from_pretrained("me/yours")
    assert "\n" not in str(refused.value)
    assert "/me/mine/commit/" in address and request.endswith("/discussions/1")
    assert [repository["name"] for repository in hub.created] == ["mine"] * 3
    assert [commit["branch"] for commit in hub.commits] == ["main", "second", "main"]
    assert hub.commits[0]["summary"] == "first"
    files = ["README.md", "config.json", "log.jsonl", "model.safetensors", "training.svg"]
    assert [commit["files"] for commit in hub.commits] == [files] * 3
    assert (uploads / "model.safetensors").read_bytes() == (training / "model/model.safetensors").read_bytes()
    assert (uploads / "log.jsonl").read_bytes() == (training / "log.jsonl").read_bytes()
    assert 'Music2Latent.from_pretrained("me/mine")' in (uploads / "README.md").read_text()


def test_the_command(tmp_path: Path, training: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "uploads").mkdir()
    sha256 = file_checksum(training / "model/model.safetensors")
    write_run(tmp_path / "runs", run_key(weights_sha256=sha256), [measured_row("a", {"si_sdr_db": 3.0})])
    command = ("export", training, "--push", "me/mine", "--half", "--license", "mit", "--results", tmp_path / "runs")
    with serve("me/mine", {}, uploads=tmp_path / "uploads") as hub:
        hub.use_here(monkeypatch, tmp_path / "home")
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        result = CliRunner().invoke(make_app(), [str(word) for word in command])
    assert result.exit_code == 0, result.output
    assert f"{hub.endpoint}/me/mine/commit/" in result.output
    assert "| data | mine | 1 | 3.00" in (tmp_path / "uploads/README.md").read_text()
    half = load_file(tmp_path / "uploads/model.safetensors")
    assert {tensor.dtype for tensor in half.values()} == {torch.float16}


def test_the_card_says_what_the_training_was(training: Path, networks: Networks) -> None:
    record = read_record(training, networks.config)
    card = model_card("me/mine", networks, training=record, curve="training.svg")
    for line in (
        "| iterations | 10 of 20 |",
        "| crops | 80 (8 per iteration) |",
        "| hours of training | 0.50 |",
        "| random seed | 3 |",
        "| songs | 3 | 1.50 | 100 % | CC0 (1.25), not stated (0.25) |",
        "On held-out music at iteration 10: `si_sdr_db` -20.25.",
        "![Loss over the iterations](training.svg)",
    ):
        assert line in card.splitlines()
    assert not any(text in card for text in ("## Measured", "model-index", "model_name", "license"))
    with pytest.raises(CheckpointError, match="the training of a model with another configuration"):
        read_record(training, Config())
    with pytest.raises(CheckpointError, match="not the folder of a training"):
        read_record(training / "model", networks.config)


def test_the_curve_goes_down_with_the_loss() -> None:
    drawing = loss_curve([{"iteration": 0, "si_sdr_db": 1.0}, *({"iteration": i, "loss": 1 / i} for i in (1, 2, 4))])
    points = drawing.partition('points="')[2].partition('"')[0].split()
    heights = [float(point.split(",")[1]) for point in points]
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], abs=0.2), "logarithmic, downwards"
    assert heights[1] > heights[0]
    assert loss_curve([{"iteration": 1, "loss": 1.0}]) == ""


def test_figures_are_in_the_card_and_in_its_metadata(networks: Networks) -> None:
    figures = pd.DataFrame(
        {
            "system": ["mine", "rival|one"],
            "clips": [3, 3],
            "visqol": [3.14159, 4.0],
            "visqol_low": [3.0, float("nan")],
            "visqol_high": [3.25, float("nan")],
            "si_sdr_db": [float("nan")] * 2,
        }
    )
    card = model_card("me/mine", networks, "cc-by-4.0", figures.assign(dataset="songs"))
    metadata = yaml.safe_load(card.split("---\n")[1])
    assert metadata["license"] == "cc-by-4.0" and metadata["library_name"] == "m2l-bench"
    (index,) = metadata["model-index"]
    (result,) = index["results"]
    assert index["name"] == "mine"
    assert result["dataset"] == {"name": "songs", "type": "songs"}
    assert [(metric["type"], metric["value"]) for metric in result["metrics"]] == [("visqol", 3.1416)]
    assert "| songs | mine | 3 | 3.14 [3.00, 3.25] |" in card.splitlines()
    assert "| songs | rival\\|one | 3 | 4.00 |" in card.splitlines()
    indexed = figures.set_index("system").assign(dataset="songs")
    assert model_card("me/mine", networks, "cc-by-4.0", indexed) == card
    with pytest.raises(ValueError, match="no column 'dataset'"):
        model_card("me/mine", networks, results=figures)
    with pytest.raises(ValueError, match=r"no row of the system 'other', only of mine, rival|one"):
        model_card("me/other", networks, results=indexed)


def test_figures_of_runs_are_those_of_the_same_weights(tmp_path: Path) -> None:
    for system, sha256 in (("old", "1" * 64), ("new", "2" * 64)):
        rows = [measured_row(id, {"si_sdr_db": float(len(system))}) for id in "ab"]
        write_run(tmp_path, run_key(system, weights_sha256=sha256), rows)
    figures = figures_of(tmp_path, "2" * 64, "mine")
    assert set(figures["system"]) == {"old", "mine"} and set(figures["dataset"]) == {"data"}
    assert {"clips", "si_sdr_db", "si_sdr_db_low", "si_sdr_db_high"} <= set(figures)
    with pytest.raises(UserError, match=r"no run of these weights \(SHA-256 333333333333"):
        figures_of(tmp_path, "3" * 64, "mine")
    with pytest.raises(UserError, match="no runs there"):
        figures_of(tmp_path / "nothing", "3" * 64, "mine")


def test_names_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = hub_file("me/mine", "v2")
    assert file is not None and (str(file), file.revision) == ("me/mine/model.safetensors", "v2")
    published = hub_file("music2latent")
    assert published is not None and published.filename == "music2latent.pt"
    assert hub_file("mine") is hub_file("runs/mine/model") is hub_file("runs/mine.pt") is None
    monkeypatch.chdir(tmp_path)
    (tmp_path / "me/mine").mkdir(parents=True)
    assert locate("me/mine") == (Path("me/mine"), None)
