"""Published codecs with random weights: their files, what every adapter keeps, and what it must refuse."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import music
from safetensors.torch import load_file, save_file
from same_files import RandomSame
from transformers import DacConfig, DacModel, EncodecConfig, EncodecModel, MimiConfig, MimiModel

from m2l_bench.codecs.base import Codec
from m2l_bench.errors import UserError
from m2l_bench.music2latent.pickles import read_pickle
from m2l_bench.systems.codec_runner import CodecRunner

Make = Callable[[Path, Path], Codec]
"""An adapter around a configuration and a file of weights."""

LENGTHS = (1, 100, 511, 512, 513, 5000)


def random_network(name: str, published: bool = False) -> Any:
    """The network of a system with its published structure, and the same random weights each time.

    Args:
        published: as wide as the published one, in place of a narrow one.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return (PUBLISHED if published else NETWORKS)[name]().eval()


def _dac(encoder: int = 4, decoder: int = 32) -> torch.nn.Module:
    return DacModel(DacConfig(encoder_hidden_size=encoder, decoder_hidden_size=decoder, sampling_rate=44_100))


def _encodec(filters: int = 4, hidden: int = 16) -> torch.nn.Module:
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


def _mimi(sizes: dict[str, int] = NARROW_MIMI) -> torch.nn.Module:
    config = MimiConfig(**sizes)
    network = MimiModel(config)
    for name, buffer in network.named_buffers():
        if name.endswith("embed_sum"):
            buffer.normal_()  # zero until trained
    return network


def _oobleck(channels: int = 8, latents: int = 4) -> torch.nn.Module:
    from diffusers import AutoencoderOobleck

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch, about how diffusers normalises weights
        return AutoencoderOobleck(
            encoder_hidden_size=channels, decoder_channels=channels, decoder_input_channels=latents
        )


NETWORKS: dict[str, Callable[[], Any]] = {
    "dac": _dac,
    "encodec": _encodec,
    "mimi": _mimi,
    "oobleck": _oobleck,
    "same-small": lambda: RandomSame(small=True),
    "same-large": lambda: RandomSame(small=False),
}


PUBLISHED: dict[str, Callable[[], Any]] = {
    "dac": lambda: _dac(64, 1536),
    "encodec": lambda: _encodec(32, 128),
    "mimi": lambda: _mimi({}),
    "oobleck": lambda: _oobleck(128, 64),
}


def audio(codec: Codec, samples: int, seed: int = 0) -> torch.Tensor:
    """(1, channels, samples) at the codec's rate."""
    clip = music(samples / codec.sample_rate + 0.1, codec.sample_rate, codec.channels, seed)
    return torch.from_numpy(clip[None, :, :samples])


def decode(codec: Codec, latents: torch.Tensor, samples: int) -> torch.Tensor:
    """With the same noise each time, where there is any."""
    return codec.decode(latents, samples, generator=torch.Generator().manual_seed(0))


def check_contract(codec: Codec, features: int) -> None:
    """Any length, repeatability, silence, streams of a batch by themselves, features of `features` channels."""
    with torch.inference_mode():
        for samples in LENGTHS:
            clip = audio(codec, samples)
            latents = codec.encode(clip)
            assert latents.ndim == 3 and len(latents) == 1
            made = decode(codec, latents, samples)
            assert made.shape[:2] == clip.shape[:2] and made.shape[2] >= samples
            assert made.isfinite().all()
            assert torch.equal(codec.encode(clip), latents) and torch.equal(decode(codec, latents, samples), made)
            assert codec.features(clip).shape[:2] == (1, features)
        assert decode(codec, codec.encode(torch.zeros_like(clip)), samples).isfinite().all()
        pair = torch.cat([clip, audio(codec, samples, seed=1)])
        both = decode(codec, codec.encode(pair), samples)
        torch.testing.assert_close(both[:1], made, rtol=0, atol=1e-5)
        assert not torch.equal(both[0], both[1])


def check_runner(codec: Codec) -> None:
    """In the harness: the clip's own length, rate and channels, in one piece and in chunks."""
    clip = music(0.5, 32_000, channels=3)
    for chunks in ({}, {"chunk_seconds": 0.2, "overlap_seconds": 0.05, "batch_size": 2}):
        runner = CodecRunner(codec, **chunks)  # type: ignore[arg-type]
        made = runner.reconstruct("clip", clip, 32_000)
        assert made.audio.shape == clip.shape
        np.testing.assert_array_equal(runner.reconstruct("clip", clip, 32_000).audio, made.audio)


def refused(make: Make, config: Path, checkpoint: Path, *messages: str) -> None:
    """One line that says each of `messages`."""
    with pytest.raises(UserError) as caught:
        make(config, checkpoint)
    for message in messages:
        assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def check_bad_files(make: Make, config: Path, checkpoint: Path, expected: str, capfd: Any) -> None:
    """No file, a file cut short, one of another network, one that lacks a tensor, one of other sizes, one with NaN."""
    _check_bad_files(make, config, checkpoint, expected, capfd, load_file, save_file, "not a whole safetensors file")


def check_bad_pickles(
    make: Callable[[Path], Codec], checkpoint: Path, expected: str, capfd: Any, key: str | None = None
) -> None:
    """The same of a file of `torch.save`, whose tensors may be under `key`, and one that runs code when unpickled."""

    def load(path: Path) -> dict[str, torch.Tensor]:
        content: dict[str, Any] = read_pickle(path)
        return content[key] if key else content

    def save(tensors: dict[str, torch.Tensor], path: Path) -> None:
        torch.save({key: tensors} if key else tensors, path)

    def make_one(_: Path, checkpoint: Path) -> Codec:
        return make(checkpoint)

    unreadable = "cannot be read as a PyTorch checkpoint without running code"
    _check_bad_files(make_one, checkpoint, checkpoint, expected, capfd, load, save, unreadable)
    other = checkpoint.with_name("other.pt")
    torch.save({key or "a.weight": _Touch(other.with_name("touched"))}, other)
    refused(make_one, checkpoint, other, f"{other}: {unreadable}", expected)
    assert not other.with_name("touched").exists()
    torch.save([1, 2], other)
    refused(make_one, checkpoint, other, f"{other}: does not hold tensors by name", expected)


class _Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def _check_bad_files(
    make: Make,
    config: Path,
    checkpoint: Path,
    expected: str,
    capfd: Any,
    load: Callable[[Path], dict[str, torch.Tensor]],
    save: Callable[[dict[str, torch.Tensor], Path], None],
    cut_short: str,
) -> None:
    capfd.readouterr()
    other = checkpoint.with_name(f"other{checkpoint.suffix}")
    tensors = load(checkpoint)
    # A bias, since some models keep count of their codebooks in tensors of one number.
    name = next(name for name, tensor in tensors.items() if name.endswith(".bias") and tensor.numel() > 1)
    refused(make, config, checkpoint.with_name("none"), "none: no such file", expected)
    other.write_bytes(checkpoint.read_bytes()[:-100])
    refused(make, config, other, f"{other}: {cut_short}", expected)
    save({"a.weight": torch.zeros(1)}, other)
    refused(make, config, other, f"{other}: not {expected}: it lacks")
    save({key: tensor for key, tensor in tensors.items() if key != name}, other)
    refused(make, config, other, "it lacks 1 tensors")
    save(tensors | {"zzz": torch.zeros(1)}, other)
    refused(make, config, other, "it also holds 1 tensors, first zzz")
    save(tensors | {name: torch.zeros(1)}, other)
    refused(make, config, other, f"not {expected}: ", "the shape")
    save(tensors | {name: torch.full_like(tensors[name], torch.nan)}, other)
    refused(make, config, other, f"{name} holds NaN or infinity")
    said = capfd.readouterr()
    assert said.out + said.err == ""


def check_bad_configurations(
    make: Make, config: Path, checkpoint: Path, expected: str, *wrong: tuple[str, str]
) -> None:
    """What is not JSON or not a mapping, and each text of `wrong`, with what is said of it."""
    other = config.with_name("other.json")
    for text, message in (("{", "not readable as JSON"), ("[]", "not a mapping"), *wrong):
        other.write_text(text)
        refused(make, other, checkpoint, str(other), message, expected)
