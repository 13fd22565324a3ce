"""`models check` of every system with a configuration and weights on the hub, from random weights where `weights get`
would put them."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkpoints import random_network

from m2l_bench.cards import SystemCard, load_cards
from m2l_bench.codec_check import check_codec
from m2l_bench.errors import UserError
from m2l_bench.systems import load_runner

SYSTEMS = {name: card for name, card in load_cards().systems.items() if "config" in card.weights}
FOLDERS = {"dac": "dac_44khz", "encodec": "encodec_48khz", "mimi": "mimi", "oobleck": "stable-audio-open-1.0/vae"}


def prepared(name: str, folder: Path) -> SystemCard:
    """The card without the hashes of the published files; its files are in `folder`."""
    card = SYSTEMS[name]
    network = card.adapter.split(":")[0].rpartition(".")[2]
    random_network(network).save_pretrained(folder / FOLDERS[network])
    weights = {key: file.model_copy(update={"sha256": ""}) for key, file in card.weights.items()}
    latents = card.latents
    if latents is not None and network == "oobleck":  # narrow in the tests, in its latents too
        latents = latents.model_copy(update={"width": 4})
    return card.model_copy(update={"weights": weights, "latents": latents})


@pytest.mark.parametrize("name", SYSTEMS)
def test_it_is_what_its_card_says(name: str, tmp_path: Path) -> None:
    card = prepared(name, tmp_path)
    runner = load_runner(card, weights_dir=tmp_path)
    assert (runner.chunk_seconds, len(runner.weights_sha256)) == (card.chunk_seconds, 64)
    found = check_codec(card, runner)
    assert not found.problems
    assert found.features is not None


@pytest.mark.parametrize("name", ["dac", "encodec-48k", "mimi"])
def test_other_weights_than_the_published_are_refused(name: str, tmp_path: Path) -> None:
    prepared(name, tmp_path)
    with pytest.raises(UserError, match=r"config.json: its SHA-256 is .* the card says"):
        load_runner(SYSTEMS[name], weights_dir=tmp_path)
