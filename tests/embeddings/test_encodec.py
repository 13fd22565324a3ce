"""EnCodec with random weights in the hub's format; held against the authors' package in `tests_upstream`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from support.embedding_checks import audio, check_contract, refused
from transformers import EncodecConfig, EncodecModel

from devtools.embedding_files import old_names
from m2l_bench.embeddings import encodec
from m2l_bench.embeddings.encodec import EnCodec


@pytest.fixture(scope="module")
def model() -> EncodecModel:
    """The published structure with an eighth of its channels."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return EncodecModel(EncodecConfig(num_filters=4)).eval()


@pytest.fixture
def files(model: EncodecModel, tmp_path: Path) -> tuple[Path, Path]:
    """The configuration and the weights, which hold decoder and codebooks too."""
    model.config.save_pretrained(tmp_path)
    save_file(old_names(model.state_dict()), tmp_path / "model.safetensors", metadata={"format": "pt"})
    return tmp_path / "config.json", tmp_path / "model.safetensors"


@pytest.fixture
def embedding(files: tuple[Path, Path]) -> EnCodec:
    return EnCodec(*files)


def test_contract(embedding: EnCodec) -> None:
    check_contract(embedding, seconds=2.0, rows=150)


@pytest.mark.parametrize("extra", [-1, 0, 1, 319])
def test_chunks_change_nothing(
    embedding: EnCodec, model: EncodecModel, monkeypatch: pytest.MonkeyPatch, extra: int
) -> None:
    """Against the encoder over the whole clip at once, with a last frame of every kind."""
    clip = audio(embedding, 4)[: 40 * 320 + extra]
    with torch.no_grad():
        whole = model.encoder(clip[None, None])[0].T
    monkeypatch.setattr(encodec, "CHUNK_FRAMES", 7)
    torch.testing.assert_close(embedding.embed(clip), whole, rtol=0, atol=1e-6)


def test_the_context_is_what_the_convolutions_look_back(model: EncodecModel) -> None:
    clip = torch.rand(1, 1, 20 * 320, requires_grad=True)
    frames = clip
    for layer in model.encoder.layers[:13]:
        frames = layer(frames)
    (gradient,) = torch.autograd.grad(frames[0, :, 10].sum(), clip)
    first = int(gradient[0, 0].nonzero()[0])
    assert 10 * 320 - first == 478
    assert 10 * 320 - first <= encodec.CONTEXT_FRAMES * 320


def test_bad_weights(files: tuple[Path, Path], tmp_path: Path) -> None:
    config, checkpoint = files

    def make(path: Path) -> EnCodec:
        return EnCodec(config, path)

    expected = "facebook/encodec_24khz"
    refused(make, tmp_path / "none.safetensors", "no such file", expected)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(checkpoint.read_bytes()[:-1000])
    refused(make, cut, "not a whole safetensors file", expected)
    other = tmp_path / "other.safetensors"
    save_file({"encoder.a": torch.zeros(1)}, other)
    refused(make, other, "it lacks", expected)
    save_file(EncodecModel(EncodecConfig(num_filters=2)).state_dict(), other)
    refused(make, other, "has the shape", expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not readable as JSON"),
        ("[]", "not a mapping"),
        ('{"num_filters": "many"}', "cannot be used"),
        ('{"num_filters": 1000000000}', "cannot be used (num_filters is 1,000,000,000, more than 1,000,000)"),
        ('{"num_lstm_layers": 100000}', "cannot be used (num_lstm_layers is 100,000, more than 1,000)"),
        ('{"upsampling_ratios": [%s1]}' % ("1," * 5000), "cannot be used (upsampling_ratios lists 5,001 values"),
        ("[" * 100_000, "not readable as JSON"),
        ('{"sampling_rate": 48000, "audio_channels": 2}', "(48000, 2, 320, 'weight_norm', True)"),
    ],
)
def test_bad_configurations(files: tuple[Path, Path], text: str, message: str) -> None:
    config, checkpoint = files
    config.write_text(text)
    refused(lambda path: EnCodec(path, checkpoint), config, message, "facebook/encodec_24khz")
