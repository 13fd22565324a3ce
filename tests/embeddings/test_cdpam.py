"""CDPAM against recorded outputs of the authors' network; random weights in the published format, an old one.

Most tests take a network with 4 filters in its first layer in place of 64, which is 250 times as fast.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.embedding_checks import Malicious, audio, check_bad_pickles, check_blocks, check_contract, refused
from support.legacy_files import write_python2_checkpoint
from torch.nn import functional

from devtools.upstream_weights import upstream_audio, upstream_weights
from m2l_bench.cards import load_cards
from m2l_bench.embeddings import cdpam
from m2l_bench.embeddings.cdpam import INSIDE, WINDOW, Cdpam
from m2l_bench.metrics.fad import set_metric
from m2l_bench.systems.embedding_runner import load_embedding
from m2l_bench.weights.read import read_torch

PARITY = np.load(Path(__file__).parent / "cdpam_parity" / "original.npz")
"""Made by scripts/record_cdpam.py with the authors' code."""
WHEEL = "cdpam-0.0.6-py3-none-any.whl"
PARAMETER = 139_832_181_927_520
"""Key of a parameter in an optimiser's state: its address, beyond 32 bits."""
Tensors = dict[str, torch.Tensor]


def state(filters: int) -> Tensors:
    """Tensors by the names of the authors' network, counters of batches among them."""
    shapes = {name: tuple(shape) for name, shape in json.loads(str(PARITY[f"shapes_{filters}"])).items()}
    weights = upstream_weights({name: shape for name, shape in shapes.items() if not name.endswith("_tracked")})
    return {name: torch.from_numpy(weights[name]) if name in weights else torch.tensor(7) for name in shapes}


def write_wheel(folder: Path, filters: int) -> Path:
    """Write what PyPI has: a wheel with an old checkpoint, which has an optimiser's state too."""
    optimiser = {"state": {PARAMETER: {"step": 154_980, "exp_avg": torch.ones(3)}}}
    content = {"epochs": 2000, "optim": optimiser, "state": state(filters)}
    checkpoint = write_python2_checkpoint(folder / INSIDE, content, [PARAMETER])
    with zipfile.ZipFile(folder / WHEEL, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cdpam/__init__.py", "raise RuntimeError('never run')\n")
        archive.write(checkpoint, f"cdpam/CDPAM_trained/{INSIDE}")
    return folder / WHEEL


def use_filters(patch: pytest.MonkeyPatch, filters: int) -> None:
    patch.setattr(cdpam, "FILTERS", filters)
    patch.setattr(Cdpam, "dim", 8 * filters)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    use_filters(monkeypatch, 4)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wheel(tmp_path_factory.mktemp("cdpam"), 4)


@pytest.fixture
def embedding(wheel: Path) -> Cdpam:
    return Cdpam(wheel)


@pytest.mark.parametrize("filters", [4, pytest.param(64, marks=pytest.mark.full)])
def test_equal_to_the_authors(filters: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors of length one. Measured: at most 6e-8 apart on the machine of the recording."""
    use_filters(monkeypatch, filters)
    clip = torch.from_numpy(upstream_audio(2, 1, 5001).reshape(-1))
    monkeypatch.setattr(cdpam, "WINDOW", 5001)
    vectors = Cdpam(write_wheel(tmp_path, filters)).embed(clip)
    np.testing.assert_allclose(vectors, PARITY[f"vectors_{filters}"], rtol=0, atol=1e-5)
    assert (vectors[0] - vectors[1]).abs().max() > 1e-4  # one window cannot pass for the other


def test_equal_to_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the weights inside the package, on half a second of music."""
    package = pytest.importorskip("cdpam")
    use_filters(monkeypatch, 64)
    monkeypatch.setattr(cdpam, "WINDOW", 11_025)
    checkpoint = Path(package.__file__).parent / "CDPAM_trained" / INSIDE
    embedding = Cdpam(checkpoint)
    clip = audio(embedding, 0.5)
    theirs = package.models.FINnet(encoder_layers=16, encoder_filters=64, classif_dp=0.05, input_size=512).eval()
    theirs.load_state_dict(read_torch(checkpoint, "the package's", key="state"))
    with torch.no_grad():
        _, acoustics, _ = theirs.base_encoder(torch.round(clip * 32_768)[None, None])
    torch.testing.assert_close(embedding.embed(clip), functional.normalize(acoustics, dim=1), rtol=0, atol=1e-5)


def plain_forward(tensors: Tensors, samples: torch.Tensor) -> torch.Tensor:
    """Compute the vector of samples of 16 bits, layer by layer as the paper has them."""
    frames = samples[None, None]
    for layer in range(16):
        kernel, bias = (tensors[f"base_encoder.encoder.{layer}.{name}"] for name in ("weight", "bias"))
        norm = {name: tensors[f"base_encoder.ebatch.{layer}.{name}"] for name in ("running_mean", "running_var")}
        scale = {name: tensors[f"base_encoder.ebatch.{layer}.{name}"] for name in ("weight", "bias")}
        frames = functional.batch_norm(functional.conv1d(frames, kernel, bias, padding=7), **norm, **scale)
        frames = functional.leaky_relu(frames, 0.1)
        frames = frames[..., ::2] if layer % 4 == 3 else frames
    sound = frames[0].mean(1).chunk(2)[0]
    return sound / sound.norm()


def test_windows_one_by_one(embedding: Cdpam, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of whole windows only, each in numbers of 16 bits."""
    clip = audio(embedding, 6.0)
    tensors = state(4)
    integers = torch.from_numpy(np.round(clip.numpy() * 32_768))
    expected = [plain_forward(tensors, integers[start : start + WINDOW]) for start in (0, WINDOW)]
    monkeypatch.setattr(cdpam, "BATCH", 1)
    torch.testing.assert_close(embedding.embed(clip), torch.stack(expected), rtol=0, atol=1e-5)


def test_contract(embedding: Cdpam, monkeypatch: pytest.MonkeyPatch) -> None:
    check_contract(embedding, seconds=6.0, rows=2)
    torch.testing.assert_close(embedding.embed(audio(embedding, 3.0)).norm(dim=1), torch.ones(1))
    monkeypatch.undo()
    assert Cdpam.dim == 512 and cdpam.encoder()[-1][0].out_channels == 1024


def test_blocks_change_nothing(embedding: Cdpam, monkeypatch: pytest.MonkeyPatch) -> None:
    check_blocks(embedding, cdpam, monkeypatch, batches=4)


def test_the_checkpoint_by_itself(wheel: Path, embedding: Cdpam) -> None:
    clip = audio(embedding, 2.5)
    assert torch.equal(Cdpam(wheel.with_name(INSIDE)).embed(clip), embedding.embed(clip))


def test_bad_files(wheel: Path, tmp_path: Path) -> None:
    check_bad_pickles(Cdpam, wheel.with_name(INSIDE), tmp_path, "CDPAM's encoder")
    trace = tmp_path / "ran"
    content: dict[str, Any] = {"optim": {PARAMETER: Malicious(trace)}, "state": state(4)}
    refused(Cdpam, write_python2_checkpoint(tmp_path / INSIDE, content, [PARAMETER]), "without running code")
    assert not trace.exists()


def test_through_its_card(wheel: Path, embedding: Cdpam) -> None:
    card = load_cards().embedding("cdpam")
    file = card.weights["checkpoint"]
    assert file.name == WHEEL and len(file.sha256) == 64
    metric = set_metric("fad_cdpam")
    assert metric is not None and (metric.title, metric.decimals) == ("FAD-CDPAM", 4)
    unchecked = card.model_copy(update={"weights": {"checkpoint": file.model_copy(update={"sha256": ""})}})
    runner = load_embedding(unchecked, weights_dir=wheel.parent)
    clip = audio(embedding, 2.5)
    np.testing.assert_allclose(runner.embed(clip.numpy()[None], 22_050), embedding.embed(clip), rtol=0, atol=1e-6)
