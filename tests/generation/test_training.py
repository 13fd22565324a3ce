"""Training: the loss falls, and a killed training ends with the same bits as an undisturbed one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from m2l_bench.errors import UserError
from m2l_bench.generation import training
from m2l_bench.generation.card import GeneratorCard
from m2l_bench.generation.checkpoint import NAME
from m2l_bench.generation.crops import Music
from m2l_bench.generation.training import LOG, Training


def rows(folder: Path) -> list[dict[str, float]]:
    found = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in found]


def new_folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


def test_the_loss_falls_on_an_easy_distribution(tmp_path: Path, music: Music, tiny: GeneratorCard) -> None:
    folder = new_folder(tmp_path, "run")
    trained = Training(folder, music, music, tiny, 150, 0, "cpu").run()
    losses = [row["validation_loss"] for row in rows(folder)]
    assert len(losses) == 3
    assert losses[2] == trained.validation_loss < 0.7 * losses[0]


@pytest.mark.parametrize("killed_at", [1, 3, 5])
def test_a_killed_training_ends_with_the_same_bits(
    tmp_path: Path, music: Music, tiny: GeneratorCard, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    whole, broken = new_folder(tmp_path, "whole"), new_folder(tmp_path, "broken")
    undisturbed = Training(whole, music, music, tiny, 6, 1, "cpu").run()
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
    done = 0

    def kill() -> None:
        nonlocal done
        done += 1
        if done == killed_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Training(broken, music, music, tiny, 6, 1, "cpu").run(kill)
    with (broken / LOG).open("a") as file:  # what it did after its checkpoint
        file.write('{"step": 6, "loss": 1}\n{"step"')
    resumed = Training(broken, music, music, tiny, 6, 1, "cpu")
    assert resumed.place.step == killed_at
    again = resumed.run()
    assert again.validation_loss == undisturbed.validation_loss
    assert rows(whole) == rows(broken)
    other = again.network.state_dict()
    assert all(torch.equal(tensor, other[name]) for name, tensor in undisturbed.network.state_dict().items())


def test_a_finished_training_is_read_and_seeds_differ(tmp_path: Path, music: Music, tiny: GeneratorCard) -> None:
    first, second = (new_folder(tmp_path, name) for name in "ab")
    trained = Training(first, music, music, tiny, 3, 0, "cpu").run()
    again = Training(first, music, music, tiny, 3, 0, "cpu").run(lambda: pytest.fail("a step was repeated"))
    assert torch.equal(trained.network.out.weight, again.network.out.weight)
    other = Training(second, music, music, tiny, 3, 1, "cpu").run()
    assert not torch.equal(trained.network.out.weight, other.network.out.weight)


def test_a_damaged_checkpoint_is_named(tmp_path: Path, music: Music, tiny: GeneratorCard) -> None:
    folder = new_folder(tmp_path, "run")
    (folder / NAME).write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"checkpoint.safetensors: damaged; delete it"):
        Training(folder, music, music, tiny, 3, 0, "cpu")
