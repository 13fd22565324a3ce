"""Every codec, every embedding with a network, and the probe, with tensors that claim to be on the second GPU.

Nothing of a network is computed, so networks need no weights.
"""

from __future__ import annotations

from contextlib import nullcontext
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from devtools import linear_cae_files, same_files
from devtools.random_networks import NETWORKS
from m2l_bench.cards import ProbeSettings, load_cards
from m2l_bench.music2latent import Checkpoint, Config, Music2Latent
from m2l_bench.music2latent.networks import Networks
from m2l_bench.probing import training
from m2l_bench.probing.targets import Part
from m2l_bench.systems import codec_runner
from m2l_bench.systems.adapters import adapter_class
from m2l_bench.systems.codec_runner import CodecRunner
from m2l_bench.systems.embedding_runner import EmbeddingRunner

from .conftest import DEVICE, Fakes

CARDS = load_cards()
EMBEDDINGS: list[Any] = [
    "cdpam",
    "clap",
    "clmr",
    "encodec",
    "mert",
    "music2latent-untrained",
    "musicnn",
    "panns",
    "vggish",
]
EMBEDDINGS += [pytest.param("muq", marks=pytest.mark.full)]
CODECS: list[Any] = ["codicodec", "dac", "encodec-48k", "mimi", "mousaiv2", "mousaiv3", "music2latent", "musika"]
CODECS += ["same-l", "same-s", "stable-audio-open-vae"] + ["lin-cae"] * bool(find_spec("linear_cae"))
CODECS += [pytest.param(name, marks=pytest.mark.full) for name in ("codicodec-2.38k", "codicodec-ar")]
WITH_FILES = [f"codecs.{name}" for name in ("codicodec", "diffusers_autoencoder", "linear_cae", "mousai", "same")]
WITH_FILES += [f"embeddings.{name}" for name in ("cdpam", "clap", "clmr", "encodec", "mert", "muq", "panns", "vggish")]
SMALLEST = Config(
    hop=32,
    base_channels=8,
    channel_multipliers=(1,),
    downsampling=(),
    attention_levels=(),
    unet_blocks=1,
    bottleneck_channels=16,
    bottleneck_blocks=0,
    noise_channels=16,
)
SMALL_MUQ = {
    "label_rate": 25,
    "hop_length": 240,
    "n_mels": 128,
    "conv_dim": 8,
    "encoder_dim": 32,
    "encoder_depth": 12,
    "stat": {"melspec_2048_mean": 6.8, "melspec_2048_std": 18.4},
    "w2v2_config": {"num_attention_heads": 2, "intermediate_size": 64, "position_embeddings_type": "rotary"},
}


@pytest.fixture(scope="module")
def configurations() -> dict[str, Any]:
    """What files of configurations hold, by adapter. What adapters wrap is imported before anything is fake."""
    from torchvggish import VGG  # noqa: F401
    from transformers import ClapAudioModelWithProjection, EncodecConfig, HubertConfig, HubertModel  # noqa: F401

    from m2l_bench.codecs import codicodec, mousai_networks
    from m2l_bench.embeddings import muq_network  # noqa: F401

    mousai_networks.import_packages()
    with codicodec._restored_settings():
        import codicodec as package  # noqa: F401
    return {
        "codecs.diffusers_autoencoder": {**NETWORKS["oobleck"]().config, "_class_name": "AutoencoderOobleck"},
        "embeddings.encodec": EncodecConfig().to_dict(),
        "embeddings.mert": HubertConfig().to_dict(),
        "embeddings.muq": SMALL_MUQ,
    }


@pytest.fixture
def no_files(configurations: dict[str, Any], fake_cuda: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that are not there, the configurations that files would hold, and values that are read as zero."""
    for name in dir(nn.init):
        if name.endswith("_") and not name.startswith("_"):
            monkeypatch.setattr(nn.init, name, lambda tensor, *arguments, **options: tensor)
    network = import_module("m2l_bench.embeddings.musicnn_network").Network
    replaced: list[tuple[str, Any]] = []
    for name in WITH_FILES:
        module = import_module(f"m2l_bench.{name}")
        replaced.append((f"{name}.fill", lambda network, *arguments: network.eval().requires_grad_(False)))
        for reader in {"read_torch", "read_safetensors"} & vars(module).keys():
            replaced.append((f"{name}.{reader}", lambda *arguments, **options: {}))
    for name in ("dac", "encodec", "mimi"):
        replaced.append((f"codecs.{name}.read_model", lambda *arguments, name=name: NETWORKS[name]().eval()))
    for name, content in configurations.items():
        replaced.append((f"{name}.read_config", lambda *arguments, content=content: content))
    replaced += [
        ("codecs.linear_cae._build", lambda kind, path, name: kind(**linear_cae_files.NARROW[name])),
        ("codecs.same.read_config", lambda path, expected: same_files.config(small=path.name == "same-s")),
        ("codecs.keras_weights.fill_from_keras", lambda *arguments: None),
        ("embeddings.musicnn_network.load", lambda path: network().eval()),
        ("music2latent.config.PRESETS", {"small": SMALLEST}),
        ("systems.codec_runner.clock", lambda device: 0.0),
    ]
    for name, value in replaced:
        monkeypatch.setattr(f"m2l_bench.{name}", value)
    monkeypatch.setattr(Music2Latent, "from_pretrained", smallest)
    monkeypatch.setattr(codec_runner.MemoryMeter, "__init__", lambda meter, device: None)
    monkeypatch.setattr(codec_runner.MemoryMeter, "peak_mb", lambda meter: 0.0)
    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: nullcontext())
    monkeypatch.setattr(torch, "manual_seed", lambda seed: None)
    # These packages compute shapes, and one makes a tensor, from values, which fake tensors have none of.
    monkeypatch.setattr("codicodec.models.reverse_step", lambda x, noise, sigma: x + noise)
    monkeypatch.setattr("codicodec.audio.overlap_and_add", overlap_and_add)
    if find_spec("linear_cae"):
        monkeypatch.setattr("linear_cae.components.frontends.overlap_and_add", overlap_and_add)
    monkeypatch.setattr(FakeTensor, "__format__", lambda tensor, form: "", raising=False)  # in bars of progress
    monkeypatch.setattr(Fakes, "reads_zeros", True)


def overlap_and_add(frames: Tensor, step: int) -> Tensor:
    """Samples of the right number from (..., frames, size)."""
    return frames.new_zeros(*frames.shape[:-2], (frames.shape[-2] - 1) * step + frames.shape[-1])


def smallest(weights: str, **options: Any) -> Music2Latent:
    return Music2Latent(Checkpoint(Networks(SMALLEST), Path("none"), ""), **options)


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_embeddings(name: str, no_files: None) -> None:
    card = CARDS.embeddings[name]
    embedding = adapter_class(card)(**dict.fromkeys(card.weights, Path(name)), **card.options)
    runner = EmbeddingRunner(embedding, "", str(DEVICE))
    samples = round(embedding.sample_rate * embedding.minimum_seconds) + 10
    (frames,) = runner.embed_equal([np.zeros(samples, np.float32)])
    assert frames.ndim == 2 and frames.shape[1] == embedding.dim


@pytest.mark.parametrize("name", CODECS)
def test_codecs(name: str, no_files: None) -> None:
    card = CARDS.systems[name]
    codec = adapter_class(card)(**dict.fromkeys(card.weights, Path(name)), **card.options)
    runner = CodecRunner(codec, device=str(DEVICE))
    audio = np.zeros((codec.channels, round(0.1 * codec.sample_rate)), np.float32)
    assert runner.reconstruct("clip", audio, codec.sample_rate).audio.shape == audio.shape
    with torch.inference_mode():
        features = codec.features(torch.from_numpy(audio[None]).to(DEVICE))
    assert len(features) == 1 and features.ndim == 3


@pytest.mark.parametrize("multilabel", [False, True])
def test_the_probe(multilabel: bool, no_files: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros in place of gradients, which cannot be computed from fake tensors of a PyTorch without CUDA."""

    def backward(loss: Tensor) -> None:
        nodes = [loss.grad_fn]
        for node in nodes:
            nodes += [other for other, _ in node.next_functions if other is not None]
            if hasattr(node, "variable"):
                node.variable.grad = torch.zeros_like(node.variable)

    monkeypatch.setattr(torch.autograd, "backward", backward)
    targets = np.zeros((6, 3), np.int64) if multilabel else np.zeros(6, np.int64)
    part = Part(np.zeros((6, 4), np.float32), np.arange(6), targets, 3)
    scores = iter([0.1, 0.2, 0.3, 0.1, 0.2, 0.3])
    settings = ProbeSettings(hidden=[5], epochs=3, patience=1, batch_size=4)
    fitted = training.fit(part, part, settings, [0, 1], lambda values: next(scores), device=str(DEVICE))
    assert {parameter.device for parameter in fitted.network.parameters} == {DEVICE}
    assert fitted.scores(part).shape == (2, 6, 3)
