"""Networks of published codecs, with their structure and random weights."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import DacConfig, DacModel, EncodecConfig, EncodecModel, MimiConfig, MimiModel

from devtools import linear_cae_files
from devtools.recorded_files import RecordedFile
from devtools.same_files import RandomSame


def random_network(name: str, published: bool = False) -> Any:
    """Make a system's network with its published structure, and with the same random weights each time.

    Args:
        published: as wide as the published one, in place of a narrow one.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return (PUBLISHED if published else NETWORKS)[name]().eval()


def _dac(encoder: int = 4, decoder: int = 32) -> Any:
    return DacModel(DacConfig(encoder_hidden_size=encoder, decoder_hidden_size=decoder, sampling_rate=44_100))


def _encodec(filters: int = 4, hidden: int = 16) -> Any:
    config = EncodecConfig(
        sampling_rate=48_000,
        audio_channels=2,
        normalize=True,
        chunk_length_s=1.0,
        overlap=0.01,
        norm_type="time_group_norm",
        use_causal_conv=False,
        target_bandwidths=[3.0, 6.0, 12.0, 24.0],
        num_filters=filters,
        hidden_size=hidden,
    )
    network = EncodecModel(config)
    for layer in network.quantizer.layers:
        layer.codebook.embed.normal_()  # zero until trained
    return network


NARROW_MIMI = {
    "num_filters": 4,
    "hidden_size": 64,
    "num_hidden_layers": 1,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "codebook_dim": 16,
    "vector_quantization_hidden_dimension": 16,
    "upsample_groups": 64,
}


def _mimi(sizes: dict[str, int] = NARROW_MIMI) -> Any:
    config = MimiConfig(**sizes)
    network = MimiModel(config)
    for name, buffer in network.named_buffers():
        if name.endswith("embed_sum"):
            buffer.normal_()  # zero until trained
    return network


def _oobleck(channels: int = 8, latents: int = 4, **others: Any) -> Any:
    from diffusers import AutoencoderOobleck

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch, about how diffusers normalises weights
        return AutoencoderOobleck(
            encoder_hidden_size=channels, decoder_channels=channels, decoder_input_channels=latents, **others
        )


def _kvae_audio(encoder: int = 2, decoder: int = 32, joint: int = 16, latents: int = 4) -> Any:
    from diffusers import AutoencoderKLKVAEAudio

    return AutoencoderKLKVAEAudio(encoder_dim=encoder, decoder_dim=decoder, latent_dim=joint, codebook_dim=latents)


ACE_STEP: dict[str, Any] = {"downsampling_ratios": [2, 4, 4, 6, 10], "sampling_rate": 48_000}


NARROW_XCODEC: dict[str, Any] = {
    "acoustic_model_config": {
        "encoder_hidden_size": 4,
        "hidden_size": 16,
        "decoder_hidden_size": 32,
        "downsampling_ratios": [8, 5, 4, 2],
        "upsampling_ratios": [8, 5, 4, 2],
    },
    "semantic_model_config": {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "conv_dim": [8] * 7,
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 2,
    },
}


def _xcodec(sizes: dict[str, Any] = NARROW_XCODEC) -> Any:
    from transformers import XcodecConfig, XcodecModel

    network = XcodecModel(XcodecConfig(**sizes))
    for quantizer in network.quantizer.quantizers:
        quantizer.codebook.embed.normal_()  # zero until trained
    return network


class Configured:
    """A network of another package, and the way to its `config.json` and its file of weights."""

    def __init__(self, network: nn.Module, config: dict[str, Any], filename: str) -> None:
        self.network, self.config, self.filename = network, config, filename

    def eval(self) -> Configured:
        self.network.eval()
        return self

    def save_pretrained(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(self.config))
        save = save_file if self.filename.endswith(".safetensors") else torch.save
        save(self.network.state_dict(), folder / self.filename)


def _snac(rate: int = 44_100, encoder: int = 4, decoder: int = 64, noise: bool = True) -> Configured:
    from snac import SNAC

    config = {
        "sampling_rate": rate,
        "encoder_dim": encoder,
        "encoder_rates": [2, 3, 8, 8],
        "decoder_dim": decoder,
        "decoder_rates": [8, 8, 3, 2],
        "attn_window_size": 32,
        "codebook_size": 4096,
        "codebook_dim": 8,
        "vq_strides": [8, 4, 2, 1],
        "noise": noise,
        "depthwise": True,
    }
    network = SNAC(**config)
    with torch.no_grad():  # or all audio would have the same codes
        for name, parameter in network.encoder.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif name.endswith("original0"):
                parameter.mul_(1.5)
    return Configured(network, config, "pytorch_model.bin")


AGC: dict[str, dict[str, Any]] = {
    # Of four rates with the published product, only these give a network of the published size.
    "agc-continuous": {"continuous": True, "latent_dim": 32, "encoder_rates": [2, 4, 5, 12]},
    "agc-discrete": {
        "continuous": False,
        "latent_dim": 256,
        "encoder_rates": [2, 4, 8, 15],
        "num_codebooks": 24,
        "codebook_size": 2048,
    },
}


def _agc(form: str, encoder: int = 4, decoder: int = 32) -> Configured:
    from agc.model import AGC as Network
    from agc.model import AGCConfig

    rates = AGC[form]["encoder_rates"]
    config = {**AGC[form], "decoder_rates": rates[::-1], "encoder_dim": encoder, "decoder_dim": decoder}
    config |= {"model_type": "agc", "codebook_dim": 8, "sample_rate": 48_000, "vae": True}
    network = Network(AGCConfig(**config))
    with torch.no_grad():  # or all audio would have the same codes
        for name, parameter in network.encoder.named_parameters():
            if name.endswith("original0"):
                parameter.fill_(1.0)
    return Configured(network, config, "model.safetensors")


NETWORKS: dict[str, Callable[[], Any]] = {
    "agc-continuous": lambda: _agc("agc-continuous"),
    "agc-discrete": lambda: _agc("agc-discrete"),
    "dac": _dac,
    "dacvae": lambda: RecordedFile("dacvae_parity.npz", "weights.pth", "state_dict"),
    "ear-vae": lambda: RecordedFile("ear_vae_parity.npz", "ear_vae_44k.pyt"),
    "encodec": _encodec,
    "linear-cae": lambda: linear_cae_files.RandomLinearCAE(linear_cae_files.NARROW),
    "kvae-audio": _kvae_audio,
    "mimi": _mimi,
    "oobleck": _oobleck,
    "oobleck-48k": lambda: _oobleck(**ACE_STEP),
    "same-small": lambda: RandomSame(small=True),
    "same-large": lambda: RandomSame(small=False),
    "snac": _snac,
    "snac-32k": lambda: _snac(32_000),
    "snac-without-noise": lambda: _snac(noise=False),
    "xcodec": _xcodec,
}


PUBLISHED: dict[str, Callable[[], Any]] = {
    "agc-continuous": lambda: _agc("agc-continuous", 64, 1536),
    "agc-discrete": lambda: _agc("agc-discrete", 64, 1536),
    "dac": lambda: _dac(64, 1536),
    "encodec": lambda: _encodec(32, 128),
    "linear-cae": lambda: linear_cae_files.RandomLinearCAE(linear_cae_files.PUBLISHED),
    "kvae-audio": lambda: _kvae_audio(64, 1536, 2048, 64),
    "mimi": lambda: _mimi({}),
    "oobleck": lambda: _oobleck(128, 64),
    "oobleck-48k": lambda: _oobleck(128, 64, **ACE_STEP),
    "snac": lambda: _snac(44_100, 64, 1536),
    "snac-32k": lambda: _snac(32_000, 64, 1536),
    "xcodec": lambda: _xcodec({}),
}
