"""What every codec of the cards must bear or refuse in one line: wrong files, no connection, any audio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.audio import music
from support.command_line import Cli
from support.hub_server import serve

from devtools.random_codecs import CARDS, FAMILIES, WITH_WEIGHTS, prepare
from m2l_bench.cards import SystemCard
from m2l_bench.errors import UserError
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.systems.codec_runner import CodecRunner
from m2l_bench.systems.loading import load_runner
from m2l_bench.weights.locate import find

REPOSITORIES = sorted({file.repository for name in WITH_WEIGHTS for file in CARDS[name].weights.values()})


def files_of(card: SystemCard, folder: Path) -> dict[str, Path]:
    paths = {key: find(file, folder) for key, file in card.weights.items()}
    return {key: path for key, path in paths.items() if path}


def refused(card: SystemCard, folder: Path, path: Path, message: str = "") -> None:
    with pytest.raises(UserError) as caught:
        load_runner(card, weights_dir=folder)
    assert str(path) in str(caught.value) and message in str(caught.value) and "\n" not in str(caught.value)


LARGE = "musika"
"""Its files have the published size, so it takes as long as all others."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.full if name == LARGE else ()) for name in FAMILIES if name in WITH_WEIGHTS],
)
def test_files_that_are_cut_short_empty_or_of_another_system(name: str, tmp_path: Path) -> None:
    card = prepare(name, tmp_path)
    foreign_names = (family for family in FAMILIES if family in WITH_WEIGHTS and CARDS[family].adapter != card.adapter)
    other = prepare(next(foreign_names), tmp_path / "other")
    others = sorted(files_of(other, tmp_path / "other").values(), key=lambda path: path.stat().st_size)
    files = files_of(card, tmp_path)
    assert files.keys() == card.weights.keys()
    for key, path in files.items():
        content = path.read_bytes()
        foreign = others[-1] if len(content) > 10_000 else others[0]
        for wrong in (content[: len(content) // 2], b"", foreign.read_bytes()):
            path.write_bytes(wrong)
            refused(card, tmp_path, path)
        known = card.weights[key].model_copy(update={"sha256": file_checksum(path)})
        path.write_bytes(content[: len(content) // 2])
        pinned = card.model_copy(update={"weights": card.weights | {key: known}})
        refused(pinned, tmp_path, path, "delete it and fetch it again")
        path.write_bytes(content)
    load_runner(card, weights_dir=tmp_path)


def test_a_licence_to_accept_is_said_of_every_repository(cli: Cli, tmp_path: Path) -> None:
    with serve("lab/none", {}, gated=True) as hub:
        result = cli("weights", "get", *WITH_WEIGHTS, **hub.environment(tmp_path / "home"))
    assert result.returncode == 1 and len(result.stderr.strip().splitlines()) == 1
    for repository in REPOSITORIES:
        assert f"accepted its licence: do so at https://huggingface.co/{repository}, then log in" in result.stderr


def test_without_a_connection_the_command_for_later_is_said_of_every_repository(cli: Cli, tmp_path: Path) -> None:
    result = cli("weights", "get", *WITH_WEIGHTS, HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))
    assert result.returncode == 1 and len(result.stderr.strip().splitlines()) == 1
    for repository in REPOSITORIES:
        assert f"with a connection: hf download {repository} " in result.stderr


@pytest.fixture(scope="module")
def runners(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CodecRunner]:
    folder = tmp_path_factory.mktemp("weights")
    cards = [prepare(name, folder) for name in FAMILIES]
    return {card.name: load_runner(card, weights_dir=folder) for card in cards}


@pytest.mark.parametrize("name", FAMILIES)
def test_any_channels_and_lengths_below_a_frame(name: str, runners: dict[str, CodecRunner]) -> None:
    """Mono into stereo systems, stereo into mono ones, one sample, silence; and noise depends on the clip alone."""
    for channels, samples in ((1, 1), (2, 1), (2, 100), (1, 3000), (2, 3000)):
        clip = music(samples / 44_100, channels=channels)
        reconstruction = runners[name].reconstruct("clip", clip, 44_100).audio
        assert reconstruction.shape == clip.shape and np.isfinite(reconstruction).all()
    np.testing.assert_array_equal(runners[name].reconstruct("clip", clip, 44_100).audio, reconstruction)
    silence = runners[name].reconstruct("clip", np.zeros((2, 3000), np.float32), 44_100).audio
    assert silence.shape == (2, 3000) and np.isfinite(silence).all()
