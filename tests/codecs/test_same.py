"""SAME with random weights in the published layout, small and large."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support.codec_checks import audio, check_bad_configurations, check_bad_files, check_contract, check_runner

from devtools.random_networks import random_network
from devtools.same_files import config, config_of_published_size, published
from devtools.upstream_weights import upstream_audio, upstream_weights
from m2l_bench.codecs.same import EXPECTED, Same

PARITY = np.load(Path(__file__).parent / "data" / "same_parity.npz")
"""What the authors' code (commit 636f906), without the noise that it adds, makes of 1,000 samples in stereo: `latents`
and `audio`, with the configuration and the shapes of the tensors. Made by `scripts/record_same.py` on PyTorch 2.13."""
FORMS = pytest.mark.parametrize("form", ["same-small", "same-large"])


@pytest.fixture
def files(form: str, tmp_path: Path) -> tuple[Path, Path]:
    random_network(form).save_pretrained(tmp_path)
    return tmp_path / "model_config.json", tmp_path / "model.safetensors"


@pytest.mark.parametrize("form", ["small", "large"])
def test_equal_to_the_authors(form: str, tmp_path: Path) -> None:
    """Their code in float32, the same file of weights. Measured: no difference on the machine of the recording."""
    shapes = {name: tuple(shape) for name, shape in json.loads(str(PARITY[f"{form}_shapes"])).items()}
    (tmp_path / "model_config.json").write_text(str(PARITY[f"{form}_config"]))
    weights = upstream_weights({name: shape for name, shape in shapes.items() if not name.endswith("inv_freq")})
    tensors = {name: torch.from_numpy(weights.get(name, np.ones(shape, np.float32))) for name, shape in shapes.items()}
    save_file(tensors, tmp_path / "model.safetensors")
    codec = Same(tmp_path / "model_config.json", tmp_path / "model.safetensors")
    clip = torch.from_numpy(upstream_audio(1, 2, 1000))
    latents = codec.encode(clip)
    np.testing.assert_allclose(latents, PARITY[f"{form}_latents"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(codec.decode(latents, 1000), PARITY[f"{form}_audio"], rtol=0, atol=1e-4)


def test_equal_to_diffusers(tmp_path: Path) -> None:
    """The large form is all that `diffusers` knows: its own call, end to end."""
    from diffusers import AutoencoderSAME

    content = config(small=False, depth=3)
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore", FutureWarning)  # of torch, about how diffusers normalises weights
        torch.manual_seed(0)
        model = AutoencoderSAME(
            encoder_channels=64,
            encoder_c_mults=[2],
            encoder_transformer_depths=[3],
            latent_dim=8,
            decoder_sinusoidal_blocks=[3],
        ).eval()
        for parameter in model.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.05)  # layers that start from zero would hide all others
    (tmp_path / "model_config.json").write_text(json.dumps(content))
    save_file(published(model.state_dict()), tmp_path / "model.safetensors")
    codec = Same(tmp_path / "model_config.json", tmp_path / "model.safetensors")
    clip = audio(codec, 100_000)
    with torch.no_grad():
        latents, samples = model.encode(clip).latents, model(clip).sample
    assert latents.shape == (1, 8, 25)
    torch.testing.assert_close(codec.encode(clip), latents, rtol=0, atol=0)
    torch.testing.assert_close(codec.decode(latents, 100_000), samples, rtol=0, atol=0)


@FORMS
def test_contract(files: tuple[Path, Path], recwarn: pytest.WarningsRecorder) -> None:
    codec = Same(*files)
    assert not recwarn.list
    check_contract(codec, features=128)
    check_runner(codec)


@pytest.mark.parametrize(("form", "frames"), [("same-small", [2, 2, 4]), ("same-large", [1, 2, 3])])
def test_frames(files: tuple[Path, Path], frames: list[int]) -> None:
    codec = Same(*files)
    assert [codec.encode(audio(codec, n)).shape[-1] for n in (4096, 8192, 8193)] == frames


@pytest.mark.parametrize("form", ["same-small"])
def test_chunks_reach_their_neighbours_and_no_further(files: tuple[Path, Path]) -> None:
    """A change in the first of five chunks of 8,192 samples is heard in its pair of latents and in the next one."""
    codec = Same(*files)
    clip = audio(codec, 5 * 8192)
    other = clip.clone()
    other[..., :4000] *= -1
    changed = (codec.encode(clip) != codec.encode(other)).any(dim=1)[0]
    assert changed.tolist() == [True] * 3 + [False] * 7


@FORMS
def test_features_lead_to_the_latents(files: tuple[Path, Path]) -> None:
    codec = Same(*files)
    clip = audio(codec, 30_000)
    features = codec.features(clip)
    projected = codec.model.encoder.proj(features.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(codec.model.bottleneck.encode(projected), codec.encode(clip), rtol=0, atol=1e-6)


@FORMS
def test_the_names_are_those_of_the_authors(files: tuple[Path, Path], form: str) -> None:
    deeper = (".transformers.2.", ".transformers.3.")
    recorded = json.loads(str(PARITY[f"{form.removeprefix('same-')}_shapes"]))
    assert load_file(files[1]).keys() == {name for name in recorded if not any(part in name for part in deeper)}


@pytest.mark.parametrize(("small", "tensors", "size"), [(True, 244, 433_007_588), (False, 472, 3_408_566_892)])
def test_the_published_files_have_room_for_these_tensors_and_no_others(small: bool, tensors: int, size: int) -> None:
    """Their number and the files' sizes as public repositories on GitHub record them; a header takes 117 to 121 bytes
    a tensor. Nothing is allocated."""
    from m2l_bench.codecs.same_network import build

    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore", FutureWarning)  # of torch, about how diffusers normalises weights
        state = published(build(config_of_published_size(small)["model"]).state_dict())
    header = size - 4 * sum(tensor.numel() for tensor in state.values())
    assert len(state) == tensors and 117 < header / tensors < 121


def test_an_older_diffusers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Same.availability()
    monkeypatch.setattr("m2l_bench.weights.read.version", lambda package: "0.39.2")
    assert Same.availability().command == "pip install 'diffusers>=0.40'"


@FORMS
def test_bad_files(files: tuple[Path, Path], form: str, capfd: Any) -> None:
    check_bad_files(Same, *files, EXPECTED, capfd)
    small = form == "same-small"

    def changed(*keys: str, to: Any) -> str:
        content = config(small)
        inner: Any = content
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = to
        return json.dumps(content)

    check_bad_configurations(
        Same,
        *files,
        EXPECTED,
        ("{}", "sample_rate is None"),
        ('{"sample_rate": 44100}', "cannot be used"),
        (changed("sample_rate", to=48_000), "sample_rate is 48000"),
        (changed("model", "pretransform", "config", "channels", to=1), "channels is 1"),
        (changed("model", "decoder", "soft_clip", to=True), "oversampling or soft_clip is on"),
        (changed("model", "encoder", "config", "strides", to=[8]), "strides of encoder and decoder differ"),
        *([(changed("model", "encoder", "config", "chunk_size", to=48), "chunk_size is 48")] if small else []),
    )
