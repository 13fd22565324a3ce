"""`m2l-bench models add`, against a local server that looks like the hub."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command_line import Cli
from support.hub_server import COMMIT, serve

from devtools.random_codecs import prepare
from m2l_bench.cards import SystemCard
from m2l_bench.cards.reading import read_card

REPOSITORY = "someone/Fine_tuned.v2"
Add = Callable[[dict[str, Path]], SystemCard]


@pytest.fixture
def add(cli: Cli, tmp_path: Path) -> Add:
    """Write a card for a repository with these files, get its weights, and check that the codec runs."""

    def run(files: dict[str, Path]) -> SystemCard:
        with serve(REPOSITORY, files) as hub:
            environment = hub.environment(tmp_path / "hf")
            cards = ("--cards", tmp_path / "cards")
            added = cli("models", "add", f"hf:{REPOSITORY}", "-o", tmp_path / "cards", **environment)
            assert added.returncode == 0, added.stderr
            assert "weights get fine-tuned.v2" in added.stdout
            fetched = cli("weights", "get", "fine-tuned.v2", *cards, **environment)
            assert fetched.returncode == 0, fetched.stderr
            checked = cli("models", "check", "fine-tuned.v2", *cards, **environment)
            assert checked.returncode == 0, checked.stderr
        card = read_card(tmp_path / "cards" / "fine-tuned.v2.yaml")
        assert isinstance(card, SystemCard)
        return card

    return run


def files_of(name: str, folder: Path) -> dict[str, Path]:
    """Random weights of a system, by their paths in the repository."""
    card = prepare(name, folder)
    (root,) = {folder / file.repository.rpartition("/")[2] for file in card.weights.values()}
    return {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}


@pytest.mark.full
@pytest.mark.parametrize("name", ["ace-step-1.5-vae", "dac", "mimi"])
def test_a_codec_of_others_is_recognised(add: Add, tmp_path: Path, name: str) -> None:
    files = files_of(name, tmp_path / "weights")
    card = add(files)
    assert card.adapter == {"ace-step-1.5-vae": "oobleck"}.get(name, name)
    checkpoint = card.weights["checkpoint"]
    assert checkpoint.revision == COMMIT and len(checkpoint.sha256) == 64 and card.licence.weights == "mit"


def test_our_weights_are_recognised(add: Add, tmp_path: Path) -> None:
    prepare("music2latent", tmp_path / "weights")
    folder = tmp_path / "weights" / "music2latent"
    card = add({path.name: path for path in folder.iterdir()})
    assert card.adapter == "music2latent" and card.steps == 1
    assert card.latents is not None and (card.latents.width, card.latents.samples) == (64, 4096)


def test_what_cannot_be_added_is_1_line(cli: Cli, tmp_path: Path) -> None:
    texts = {
        "no codec that an adapter": {"model_type": "bert"},
        "has no file model.safetensors": {"model_type": "dac"},
        "cannot be used": {"model_type": "dac", "codebook_size": "many"},
        "makes no card": {"_class_name": "AutoencoderOobleck", "sampling_rate": -1},
    }
    for number, (message, config) in enumerate(texts.items()):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(config))
        others = {"diffusion_pytorch_model.safetensors": path} if "_class_name" in config else {}
        with serve(REPOSITORY, {"config.json": path, **others}) as hub:
            environment = hub.environment(tmp_path / f"hf{number}")
            result = cli("models", "add", f"hf:{REPOSITORY}", "-o", tmp_path / "cards", **environment)
        assert result.returncode == 1 and message in result.stderr, result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "cards").exists()
    wrong = cli("models", "add", "someone/else")
    assert wrong.returncode == 1 and "expected hf:OWNER/REPO" in wrong.stderr
