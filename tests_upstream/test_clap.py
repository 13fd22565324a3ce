"""CLAP against laion-clap, and against frechet-audio-distance from files of audio to the score."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from m2l_bench.distances.upstream import score
from m2l_bench.embeddings import clap
from m2l_bench.embeddings.clap import Clap
from m2l_bench.embeddings.laion import Tower
from tests_upstream.folders import Folders, embed, frechet, relative, tones, write_folders

NAMES = {"HTSAT-tiny": "630k-audioset-best.pt", "HTSAT-base": "music_audioset_epoch_15_esc_90.14.pt"}
CARDS = {"HTSAT-tiny": "clap", "HTSAT-base": "clap-music"}


@dataclass
class Loaded:
    """A checkpoint, and what our adapter and laion-clap make of it."""

    tower: Tower
    checkpoint: Path
    ours: Clap
    theirs: Any


def write_random_checkpoint(module: Any, tower: Tower, folder: Path) -> Path:
    """A network of laion-clap given random weights, as LAION saved its training."""
    torch.manual_seed(0)
    for name, parameter in module.model.audio_branch.named_parameters():
        # As wide as trained ones: with the initial 0.02, clips would hardly differ.
        if parameter.ndim > 1 and not name.startswith(("spectrogram_extractor", "logmel_extractor")):
            torch.nn.init.normal_(parameter, std=0.06)
    module.model.audio_branch.bn0.running_mean.uniform_(-40, -20)
    module.model.audio_branch.bn0.running_var.uniform_(200, 400)
    tensors = module.model.state_dict() | {"text_branch.embeddings.position_ids": torch.arange(514)[None]}
    optimiser = torch.optim.Adam(module.model.audio_projection.parameters())
    content = {
        "epoch": 15,
        "name": tower,
        "state_dict": OrderedDict((f"module.{name}", tensor) for name, tensor in tensors.items()),
        "optimizer": optimiser.state_dict(),
        "best_score": np.float64(0.9014),
    }
    torch.save(content, folder / NAMES[tower])
    return folder / NAMES[tower]


@pytest.fixture(scope="module", params=["HTSAT-tiny", "HTSAT-base"])
def loaded(request: pytest.FixtureRequest, laion_clap: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    module = laion_clap.CLAP_Module(enable_fusion=False, amodel=request.param, device="cpu")
    checkpoint = write_random_checkpoint(module, request.param, tmp_path_factory.mktemp("weights"))
    for parameter in module.parameters():
        parameter.data.zero_()
    module.load_ckpt(str(checkpoint), verbose=False)
    return Loaded(request.param, checkpoint, Clap(checkpoint, request.param), module)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Clips of just 10 s, of which a random crop is the whole."""
    return write_folders(tmp_path_factory.mktemp("audio"), 48_000, [10.0], clips=3)


@pytest.mark.parametrize("seconds", [10.0, 3.1])
def test_embeddings(loaded: Loaded, seconds: float) -> None:
    clips = np.stack([tones(seconds, 48_000, seed) for seed in range(2)])
    theirs = loaded.theirs.get_audio_embedding_from_data(clips)
    ours = torch.cat([loaded.ours.embed(torch.from_numpy(clip)) for clip in clips])
    assert np.abs(theirs[0] - theirs[1]).max() > 0.01  # else they would agree whatever they computed
    assert relative(ours, theirs) < 1e-4


def test_files_to_score(
    loaded: Loaded, cache: Path, folders: Folders, recorded: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """frechet-audio-distance leaves out the rounding to 16 bits that laion-clap does with files."""
    theirs = score(*folders, CARDS[loaded.tower], loaded.checkpoint.parent)
    assert theirs.clips == (3, 3)
    assert theirs.score > 0
    if loaded.tower == "HTSAT-tiny":  # once is enough
        assert frechet(*embed(loaded.ours, folders)) == pytest.approx(theirs.score, rel=1e-2)
    monkeypatch.setattr(clap, "_quantise_to_16_bits", lambda samples: samples)
    ours = embed(loaded.ours, folders)
    assert max(map(relative, ours, recorded)) < 1e-4
    assert frechet(*ours) == pytest.approx(theirs.score, rel=1e-4)


def test_windows_of_fadtk(loaded: Loaded) -> None:
    """fadtk cuts at every second, pads with zeros, and gives each piece to laion-clap."""
    if loaded.tower == "HTSAT-base":
        pytest.skip("one tower is enough")
    clip = tones(11.5, 48_000, 0)
    pieces = [clip[start : start + 480_000] for start in range(0, len(clip), 48_000)]
    padded = np.stack([np.pad(piece, (0, 480_000 - len(piece))) for piece in pieces])
    theirs = loaded.theirs.get_audio_embedding_from_data(padded)
    ours = Clap(loaded.checkpoint, loaded.tower, windows="every-second").embed(torch.from_numpy(clip))
    assert len(ours) == 12 and relative(ours, theirs) < 1e-4
