"""EnCodec 48 kHz against the authors' package `encodec`, with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from encodec import EncodecModel
from safetensors.torch import save_file
from transformers import EncodecConfig

from m2l_bench.codecs.encodec import EnCodec
from tests_upstream.folders import tones


@pytest.fixture(scope="module")
def theirs() -> Any:
    """The network at full size: the package builds no other."""
    torch.manual_seed(0)
    model = EncodecModel.encodec_model_48khz(pretrained=False).eval()
    for layer in model.quantizer.vq.layers:
        layer._codebook.embed.normal_()  # of another scale until trained
    return model


@pytest.fixture(scope="module")
def files(theirs: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same weights as the hub has them."""
    folder = tmp_path_factory.mktemp("weights")
    hub = {}
    for name, tensor in theirs.state_dict().items():
        for old, new in (
            ("coder.model.", "coder.layers."),
            (".conv.conv.", ".conv."),
            (".convtr.convtr.", ".conv."),
            (".conv.norm.", ".norm."),
            (".convtr.norm.", ".norm."),
            ("quantizer.vq.layers.", "quantizer.layers."),
            ("._codebook.", ".codebook."),
        ):
            name = name.replace(old, new)
        hub[name] = tensor.contiguous()
    save_file(hub, folder / "model.safetensors")
    EncodecConfig(
        sampling_rate=48_000,
        audio_channels=2,
        normalize=True,
        chunk_length_s=1.0,
        overlap=0.01,
        norm_type="time_group_norm",
        use_causal_conv=False,
        target_bandwidths=[3.0, 6.0, 12.0, 24.0],
    ).save_pretrained(folder)
    return folder / "config.json", folder / "model.safetensors"


@pytest.mark.parametrize(("codebooks", "samples"), [(4, 48_000), (16, 60_000)])
def test_codes_and_audio(theirs: Any, files: tuple[Path, Path], codebooks: int, samples: int) -> None:
    ours = EnCodec(*files, codebooks=codebooks)
    clip = torch.stack([torch.from_numpy(tones(samples / 48_000, 48_000, seed)) for seed in (0, 1)])[None]
    theirs.set_target_bandwidth(1.5 * codebooks)
    with torch.no_grad():
        segments = theirs.encode(clip)
        reconstruction = theirs.decode(segments)[..., :samples]
    latents = ours.encode(clip)
    at = 0
    for codes, _ in segments:
        assert torch.equal(latents[..., at + 1 : at + 1 + codes.shape[-1]].long(), codes)
        at += 1 + codes.shape[-1]
    assert at == latents.shape[-1]
    torch.testing.assert_close(
        ours.decode(latents, samples), reconstruction, rtol=0, atol=1e-4 * float(reconstruction.abs().max())
    )
