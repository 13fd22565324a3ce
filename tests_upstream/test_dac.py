"""DAC against the network of the authors' package `descript-audio-codec`, with random weights."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from transformers import DacConfig, DacModel

from m2l_bench.codecs.dac import Dac
from tests_upstream.folders import tones


@pytest.fixture(scope="module")
def package() -> Iterator[ModuleType]:
    """The package. Its requirements (protobuf before 3.20) fit beside no others, so it is installed without them; of
    audiotools and argbind, which read audio and options, it gets the names it imports."""
    stubs: dict[str, Any] = {name: ModuleType(name) for name in ("audiotools", "audiotools.ml", "argbind")}
    stubs["audiotools"].ml = stubs["audiotools.ml"]
    stubs["audiotools"].AudioSignal = stubs["audiotools"].STFTParams = object
    stubs["audiotools.ml"].BaseModel = type("BaseModel", (torch.nn.Module,), {"INTERN": [], "EXTERN": []})
    stubs["audiotools.ml"].Accelerator = object
    stubs["argbind"].bind = lambda *_, **__: lambda function: function
    with pytest.MonkeyPatch.context() as patch:
        for name, stub in stubs.items():
            patch.setitem(sys.modules, name, stub)
        yield pytest.importorskip("dac", reason="needs descript-audio-codec, which make test-upstream installs")


@pytest.fixture(scope="module")
def theirs(package: ModuleType) -> Any:
    """The published structure with an eighth of its encoder's channels and a twenty-fourth of its decoder's."""
    torch.manual_seed(0)
    model = package.DAC(encoder_dim=8, decoder_dim=64).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if name.endswith("alpha"):  # all one until they are trained
            parameter.uniform_(0.5, 2)
        elif name.endswith("bias"):
            parameter.normal_(0, 0.05)
    return model


@pytest.fixture(scope="module")
def files(theirs: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same weights as the hub has them, with the normalisation of training folded in. Both networks have the same
    layers in the same order."""
    folder = tmp_path_factory.mktemp("weights")
    model = DacModel(DacConfig(encoder_hidden_size=8, decoder_hidden_size=64, sampling_rate=44_100))
    with torch.no_grad():
        for part in ("encoder", "decoder", "quantizer"):
            for ours, layer in zip(_layers(getattr(model, part)), _layers(getattr(theirs, part)), strict=True):
                if hasattr(layer, "weight_g"):
                    torch.nn.utils.remove_weight_norm(layer)
                for name, parameter in ours.named_parameters(recurse=False):
                    parameter.copy_(getattr(layer, name))
    model.save_pretrained(folder)
    return folder / "config.json", folder / "model.safetensors"


def _layers(module: torch.nn.Module) -> list[torch.nn.Module]:
    return [layer for layer in module.modules() if list(layer.parameters(recurse=False))]


@pytest.mark.parametrize("samples", [100, 5_000, 44_100])
@pytest.mark.parametrize("codebooks", [1, 4, 9])
def test_codes_audio_and_features(theirs: Any, files: tuple[Path, Path], codebooks: int, samples: int) -> None:
    ours = Dac(*files, codebooks=codebooks)
    clip = torch.stack([torch.from_numpy(tones(samples / 44_100, 44_100, seed))[None] for seed in (0, 1)])
    reconstruction = theirs(clip, 44_100, n_quantizers=codebooks)
    codes = ours.encode(clip)
    assert torch.equal(codes.long(), reconstruction["codes"])
    torch.testing.assert_close(ours.decode(codes, samples)[..., :samples], reconstruction["audio"], rtol=0, atol=1e-4)
    encoded = theirs.encoder(theirs.preprocess(clip, 44_100))
    torch.testing.assert_close(ours.features(clip), encoded, rtol=0, atol=1e-5)
