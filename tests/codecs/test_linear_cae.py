"""Linear consistency autoencoders with random weights in the hub's format, against the authors' package."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from support.codec_checks import audio, check_bad_pickles, check_contract, check_runner, refused

from devtools.linear_cae_files import CHECKPOINT, NARROW, PUBLISHED
from devtools.random_networks import random_network
from m2l_bench.cards import load_cards
from m2l_bench.codecs.linear_cae import EXPECTED, INSTALL, LinearCAE
from m2l_bench.systems.loading import availability

NAMES = {"lin-cae": "lin-cae", "lin-cae-2": "lin-cae-2", "lin-cae-m2l": "m2l"}
"""The package's name of each card's model."""


@pytest.fixture(scope="module")
def upstream() -> Any:
    """The module of the package that loads models."""
    return pytest.importorskip("linear_cae.inference")


@pytest.fixture(scope="module")
def folder(upstream: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights")
    random_network("linear-cae").save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def theirs(upstream: Any, folder: Path) -> Any:
    """The package's own reading of the files, from where it looks for those of `lin-cae`."""
    files = {(file.repository, file.filename) for file in load_cards().system("lin-cae").weights.values()}

    def fetch(repo_id: str, filename: str) -> str:
        files.remove((repo_id, filename))
        return str(folder / Path(filename).name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upstream, "hf_hub_download", fetch)
        model = upstream.Autoencoder.from_pretrained("lin-cae", max_batch_size=2)
    assert not files
    return model


def load(folder: Path, checkpoint: Path | None = None, **others: Path) -> LinearCAE:
    settings = {name: folder / f"{name}_kwargs_last.yaml" for name in ("frontend", "generator", "diffusion")}
    return LinearCAE(**settings | others, checkpoint=checkpoint or folder / CHECKPOINT, scale=33)


@pytest.mark.full
def test_contract(folder: Path) -> None:
    codec = load(folder)
    check_contract(codec, features=512)
    check_runner(codec)


def test_cards_have_the_files_and_scales_of_the_package(upstream: Any) -> None:
    for name, model in NAMES.items():
        card = load_cards().system(name)
        assert card.options == {"scale": upstream.id_to_scale_factor[model]}
        assert {file.repository for file in card.weights.values()} == {upstream.HF_REPO}
        folders = {file.filename.partition("/")[0] for file in card.weights.values()}
        assert folders == {f"{upstream.id_to_hash[model]}_weights"}


@pytest.mark.parametrize("frames", [pytest.param(1, marks=pytest.mark.full), 3])
def test_equal_to_the_authors_package(frames: int, theirs: Any, folder: Path) -> None:
    """Their own calls, of what the adapter makes of the audio: three hops more at both ends."""
    codec = load(folder)
    samples = frames * 4096 - 1536
    clip = torch.cat([audio(codec, samples), audio(codec, samples, seed=1)])
    latents = codec.encode(clip)
    assert latents.shape == (2, 64, frames) and latents.abs().max() > 1
    with torch.no_grad():
        padded = torch.nn.functional.pad(clip[:, 0], (1536, 1536))
        torch.testing.assert_close(latents, theirs.encode(padded), rtol=0, atol=1e-5)
        decoded = codec.decode(latents, samples, steps=2, generator=torch.Generator().manual_seed(3))
        with torch.random.fork_rng():
            torch.manual_seed(int(torch.randint(2**62, (1,), generator=torch.Generator().manual_seed(3))))
            expected = theirs.decode(latents, full_length=padded.shape[-1], diffusion_steps=2)
        features = theirs.generator.encoder(theirs.frontend(padded), extract_features=True)
    assert decoded.shape == (2, 1, samples) and decoded.std() > 1e-3
    torch.testing.assert_close(decoded[:, 0], expected[:, 1536:-1536], rtol=0, atol=1e-4)
    torch.testing.assert_close(codec.features(clip), features, rtol=0, atol=1e-5)


def test_noise_is_the_generator_s_alone(folder: Path) -> None:
    codec = load(folder)
    latents = codec.encode(audio(codec, 1000))
    state = torch.get_rng_state()
    first, again, other = (codec.decode(latents, 1000, generator=torch.Generator().manual_seed(i)) for i in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.full
def test_published_sizes(upstream: Any) -> None:
    """The published widths, without numbers: as large as the cards say, and the shapes that they say."""
    with torch.device("meta"):
        network = upstream.UNet(**PUBLISHED["generator"])
        spectrum = torch.zeros(1, 2, 1024, 16)
        latents = network.encoder(spectrum)
        assert network.encoder(spectrum, extract_features=True).shape == (1, 8192, 2)
    numbers = sum(tensor.numel() for tensor in network.state_dict().values())
    for name in NAMES:
        card = load_cards().system(name)
        assert card.latents and latents.shape == (1, card.latents.width, 16 * 512 // card.latents.samples)
        assert numbers * 4e-6 == pytest.approx(card.weights["checkpoint"].megabytes, rel=0.003)


@pytest.mark.full
def test_bad_weights(folder: Path, capfd: Any) -> None:
    check_bad_pickles(lambda checkpoint: load(folder, checkpoint), folder / CHECKPOINT, EXPECTED, capfd)


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("frontend", "{a: [", "not readable as YAML"),
        ("frontend", "[]", "not a mapping"),
        ("frontend", "{}", "does not state hop_size, n_fft_factor, alpha_rescale, beta_rescale"),
        ("frontend", {"sample_rate": 48_000}, "sample_rate is 48000"),
        ("generator", {"hop": 256}, "hop is 256 and data_channels 2 instead of 512 and 2"),
        ("generator", {"data_channels": 4}, "hop is 512 and data_channels 4 instead of 512 and 2"),
        ("generator", {"bottleneck_channels": 10**9}, "cannot be used (bottleneck_channels is 1,000,000,000"),
        ("generator", {"zzz": 1}, "cannot be used (UNet.__init__() got an unexpected keyword"),
        ("diffusion", {"sigma_min": -1.0}, "cannot be used (sigma_min and sigma_max must be positive)"),
    ],
)
def test_bad_settings(folder: Path, tmp_path: Path, part: str, change: str | dict[str, Any], message: str) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(change if isinstance(change, str) else yaml.safe_dump(NARROW[part] | change))
    refused(lambda path, _: load(folder, **{part: path}), other, other, f"{other}: {message}", EXPECTED)


def test_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    state = availability(load_cards().system("lin-cae"))
    assert (state.reason, state.command) == ("the package linear_cae is not installed", INSTALL)
