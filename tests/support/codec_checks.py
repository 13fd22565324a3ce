"""What every codec must do, and which files of weights and configurations it must refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support.audio import music

from m2l_bench.codecs.base import Codec
from m2l_bench.errors import UserError
from m2l_bench.metrics.codes import count_codes
from m2l_bench.music2latent.pickles import read_pickle
from m2l_bench.systems.codec_runner import CodecRunner

Make = Callable[[Path, Path], Codec]
"""Makes an adapter around a configuration and a file of weights."""

LENGTHS = (1, 100, 511, 512, 513, 5000)


def audio(codec: Codec, samples: int, seed: int = 0) -> torch.Tensor:
    """(1, channels, samples) at the codec's rate."""
    clip = music(samples / codec.sample_rate + 0.1, codec.sample_rate, codec.channels, seed)
    return torch.from_numpy(clip[None, :, :samples])


def decode(codec: Codec, latents: torch.Tensor, samples: int) -> torch.Tensor:
    """Decode with the same noise each time, where there is any."""
    return codec.decode(latents, samples, generator=torch.Generator().manual_seed(0))


def check_contract(codec: Codec, features: int) -> None:
    """Check any length, repeatability, silence, streams of a batch by themselves, the width of the features, and codes.

    Codes must be entries of their codebooks.
    """
    with torch.inference_mode():
        for samples in LENGTHS:
            clip = audio(codec, samples)
            latents = codec.encode(clip)
            assert latents.ndim == 3 and len(latents) == 1
            decoded = decode(codec, latents, samples)
            assert decoded.shape[:2] == clip.shape[:2] and decoded.shape[2] >= samples
            assert decoded.isfinite().all()
            assert torch.equal(codec.encode(clip), latents) and torch.equal(decode(codec, latents, samples), decoded)
            assert codec.features(clip).shape[:2] == (1, features)
            if codec.codebook_entries:
                assert count_codes(codec.codes(latents).numpy(), codec.codebook_entries).sum() > 0
        assert decode(codec, codec.encode(torch.zeros_like(clip)), samples).isfinite().all()
        pair = torch.cat([clip, audio(codec, samples, seed=1)])
        both = decode(codec, codec.encode(pair), samples)
        torch.testing.assert_close(both[:1], decoded, rtol=0, atol=1e-5)
        assert not torch.equal(both[0], both[1])


def check_runner(codec: Codec) -> None:
    """Check it in the harness: the clip's own length, rate and channels, in one piece and in chunks."""
    clip = music(0.5, 32_000, channels=3)
    for chunks in ({}, {"chunk_seconds": 0.2, "overlap_seconds": 0.05, "batch_size": 2}):
        runner = CodecRunner(codec, **chunks)  # type: ignore[arg-type]
        decoded = runner.reconstruct("clip", clip, 32_000)
        assert decoded.audio.shape == clip.shape
        np.testing.assert_array_equal(runner.reconstruct("clip", clip, 32_000).audio, decoded.audio)


def refused(make: Make, config: Path, checkpoint: Path, *messages: str) -> None:
    """Check that it is refused in one line that holds each of `messages`."""
    with pytest.raises(UserError) as caught:
        make(config, checkpoint)
    for message in messages:
        assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def check_bad_files(make: Make, config: Path, checkpoint: Path, expected: str, capfd: Any) -> None:
    """Check no file, one cut short, of another network, without a tensor, of other sizes, and with NaN."""
    _check_bad_files(make, config, checkpoint, expected, capfd, load_file, save_file, "not a whole safetensors file")


def check_bad_pickles(
    make: Callable[[Path], Codec],
    checkpoint: Path,
    expected: str,
    capfd: Any,
    key: str | None = None,
    rename: Callable[[str], str] = str,
) -> None:
    """Check the same with a file of `torch.save`, its tensors under `key`, and one that runs code when unpickled.

    Args:
        rename: gives the name of a tensor in messages.
    """

    def load(path: Path) -> dict[str, torch.Tensor]:
        content: dict[str, Any] = read_pickle(path)
        return content[key] if key else content

    def save(tensors: dict[str, torch.Tensor], path: Path) -> None:
        torch.save({key: tensors} if key else tensors, path)

    def make_one(_: Path, checkpoint: Path) -> Codec:
        return make(checkpoint)

    unreadable = "cannot be read as a PyTorch checkpoint without running code"
    _check_bad_files(make_one, checkpoint, checkpoint, expected, capfd, load, save, unreadable, rename)
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
    rename: Callable[[str], str] = str,
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
    refused(make, config, other, f"{rename(name)} holds NaN or infinity")
    output = capfd.readouterr()
    assert output.out + output.err == ""


def check_bad_configurations(
    make: Make, config: Path, checkpoint: Path, expected: str, *wrong: tuple[str, str]
) -> None:
    """Check what is not JSON or not a mapping, and each text of `wrong` with its message."""
    other = config.with_name("other.json")
    for text, message in (("{", "not readable as JSON"), ("[]", "not a mapping"), *wrong):
        other.write_text(text)
        refused(make, other, checkpoint, str(other), message, expected)
