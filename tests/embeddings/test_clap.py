"""CLAP with random weights in the format of LAION's checkpoints; held against laion-clap in `tests_upstream`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from support.audio import music, write
from support.command_line import Cli
from support.embedding_checks import Malicious, audio, check_bad_pickles, check_blocks, check_contract, refused

from devtools.embedding_files import random_clap, write_laion
from m2l_bench.cards import load_cards
from m2l_bench.embeddings import clap, laion
from m2l_bench.embeddings.base import Channels
from m2l_bench.embeddings.clap import Clap
from m2l_bench.errors import UserError
from m2l_bench.systems.embedding_runner import EmbeddingRunner

SMALL = {
    "patch_embeds_hidden_size": 16,
    "hidden_size": 128,
    "depths": [1, 2, 1, 1],
    "num_attention_heads": [1, 2, 4, 8],
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if not request.node.get_closest_marker("slow"):
        monkeypatch.setitem(laion.SIZES, "HTSAT-tiny", SMALL)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return write_laion(random_clap(), tmp_path / "clap.pt")


@pytest.fixture
def embedding(checkpoint: Path) -> Clap:
    return Clap(checkpoint, "HTSAT-tiny")


def test_contract(embedding: Clap) -> None:
    check_contract(embedding, seconds=10.0, rows=1)
    vectors = embedding.embed(audio(embedding, 12))
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))


def test_the_weights_are_those_of_the_file(embedding: Clap) -> None:
    expected = random_clap().state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in embedding.network.state_dict().items())


@pytest.mark.parametrize(("seconds", "windows"), [(1, 1), (9.99, 1), (10, 1), (10.99, 1), (11, 2), (20, 2), (31, 4)])
def test_windows(embedding: Clap, seconds: float, windows: int) -> None:
    """Ten seconds each; what is left counts from one second on."""
    assert len(embedding.embed(torch.zeros(round(seconds * 48_000)))) == windows


def test_the_first_window_alone(checkpoint: Path, embedding: Clap) -> None:
    first = Clap(checkpoint, "HTSAT-tiny", windows="first")
    clip = audio(embedding, 24)
    torch.testing.assert_close(first.embed(clip), embedding.embed(clip[:480_000]), rtol=0, atol=1e-6)
    torch.testing.assert_close(first.embed(clip[:100_000]), embedding.embed(clip[:100_000]), rtol=0, atol=1e-6)


def test_a_window_every_second(checkpoint: Path, embedding: Clap) -> None:
    """As fadtk: also where less than 10 s are left, which are padded with zeros and not repeated."""
    every_second = Clap(checkpoint, "HTSAT-tiny", windows="every-second")
    clip = audio(embedding, 12.5)
    vectors = every_second.embed(clip)
    assert len(vectors) == 13
    for number in (0, 2, 3, 12):
        padded = torch.zeros(480_000)
        rest = clip[number * 48_000 :][:480_000]
        padded[: len(rest)] = rest
        torch.testing.assert_close(vectors[number], embedding.embed(padded)[0], rtol=0, atol=1e-6)
    check_contract(every_second, seconds=3.0, rows=3)


def test_each_channel_has_vectors_of_its_own(checkpoint: Path, embedding: Clap) -> None:
    each = EmbeddingRunner(Clap(checkpoint, "HTSAT-tiny", channels="each"), "")
    mix = EmbeddingRunner(embedding, "")
    stereo = torch.stack([audio(embedding, 21, seed) for seed in range(2)]).numpy()
    alone = [mix.embed(channel[None], 48_000) for channel in stereo]
    np.testing.assert_array_equal(each.embed(stereo, 48_000), np.concatenate(alone))
    np.testing.assert_array_equal(each.embed(stereo[:1], 48_000), mix.embed(stereo[:1], 48_000))
    assert len(mix.embed(stereo, 48_000)) == 3 and len(each.embed(stereo, 44_100)) == 6


@pytest.mark.parametrize("option", ["windows", "channels"])
def test_other_choices_are_refused(checkpoint: Path, option: str) -> None:
    with pytest.raises(UserError, match=f"no choice of {option} 'last': expected one of "):
        Clap(checkpoint, "HTSAT-tiny", **{option: "last"})  # type: ignore[arg-type]


def test_a_window_is_a_clip_of_its_own(embedding: Clap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clap, "BATCH", 2)
    clip = audio(embedding, 24)
    parts = [embedding.embed(part) for part in clip.split(480_000)]
    torch.testing.assert_close(embedding.embed(clip), torch.cat(parts), rtol=0, atol=1e-6)


def test_a_short_clip_is_repeated(embedding: Clap) -> None:
    clip = audio(embedding, 3)
    repeated = torch.cat([clip, clip, clip, torch.zeros(48_000)])
    torch.testing.assert_close(embedding.embed(clip), embedding.embed(repeated))


def test_sixteen_bits() -> None:
    """Beyond full scale is clipped, and rounding is towards zero."""
    samples = np.array([-2, -1, -0.99999, -1e-5, 0, 1e-5, 0.5, 1, 2], np.float32)
    steps = clap._quantise_to_16_bits(samples) * 32767
    np.testing.assert_allclose(steps, [-32767, -32767, -32766, 0, 0, 0, 16383, 32767, 32767], rtol=1e-7)


def test_bad_files(checkpoint: Path, tmp_path: Path) -> None:
    check_bad_pickles(lambda path: Clap(path, "HTSAT-tiny"), checkpoint, tmp_path, "whose audio tower is HTSAT-tiny")


def test_code_beside_good_weights_never_runs(tmp_path: Path) -> None:
    path = write_laion(random_clap(), tmp_path / "evil.pt", scheduler=Malicious(tmp_path / "ran"))
    refused(lambda path: Clap(path, "HTSAT-tiny"), path, "without running code")
    assert not (tmp_path / "ran").exists()


def test_another_tower(checkpoint: Path) -> None:
    refused(lambda path: Clap(path, "HTSAT-base"), checkpoint, "whose audio tower is HTSAT-base", "it lacks")
    with pytest.raises(UserError, match="no tower 'base': expected one of HTSAT-tiny, HTSAT-base"):
        Clap(checkpoint, "base")  # type: ignore[arg-type]


def test_a_checkpoint_with_fusion(tmp_path: Path) -> None:
    extra = {"audio_model.audio_encoder.patch_embed.mel_conv2d.weight": torch.rand(1)}
    network = random_clap()
    tensors = network.state_dict() | extra
    network.state_dict = lambda: tensors  # type: ignore[method-assign]
    path = write_laion(network, tmp_path / "fusion.pt")
    refused(lambda path: Clap(path, "HTSAT-tiny"), path, "without fusion", "also holds 1 tensors", "mel_conv2d")


@pytest.mark.slow
@pytest.mark.full
def test_full_size(tmp_path: Path) -> None:
    embedding = Clap(write_laion(random_clap("HTSAT-base"), tmp_path / "clap.pt"), "HTSAT-base")
    check_contract(embedding, seconds=10.0, rows=1)


@pytest.mark.parametrize("channels", ["mix", "each"])
def test_blocks_change_nothing(checkpoint: Path, monkeypatch: pytest.MonkeyPatch, channels: Channels) -> None:
    check_blocks(Clap(checkpoint, "HTSAT-tiny", channels=channels), clap, monkeypatch, batches=2)


RECIPES = ("clap", "clap-first", "clap-channels", "clap-fadtk")


@pytest.mark.full
def test_several_recipes_make_one_table(tmp_path: Path, cli_here: Cli) -> None:
    """The recipes of one checkpoint are different vectors, and the table says what each is."""
    write_laion(random_clap(), tmp_path / "630k-audioset-best.pt")
    for number in range(2):
        clip = music(12, 48_000, channels=2, seed=number)
        write(tmp_path / "a" / f"{number}.wav", clip, 48_000)
        write(tmp_path / "b" / f"{number}.wav", clip[:, ::-1] + 0.01, 48_000)
    for name in RECIPES:
        card = load_cards().embedding(name)
        file = card.weights["checkpoint"].model_copy(update={"sha256": ""})
        content = card.model_copy(update={"name": f"my-{name}", "weights": {"checkpoint": file}}).model_dump(
            mode="json"
        )
        (tmp_path / "cards").mkdir(exist_ok=True)
        (tmp_path / "cards" / f"my-{name}.yaml").write_text(yaml.safe_dump(content))
    names = ",".join(f"my-{name}" for name in RECIPES)
    command = ("fad", "a", "b", "--embedding", names, "--cards", "cards", "--weights-dir", ".", "--cache", "cache")
    result = cli_here(*command)
    assert result.returncode == 0, result.stderr
    counts = {"clap": "4, 4", "clap-first": "2, 2", "clap-channels": "8, 8", "clap-fadtk": "24, 24"}
    lines = result.stdout.splitlines()
    for name, vectors in counts.items():
        assert any(f"my-{name} " in line and f" {vectors} " in line for line in lines), result.stdout
    assert "- my-clap-first: 630k-audioset-best, the first 10 s of each clip" in result.stdout
    assert "KAD comes first" in result.stdout
    comparisons = json.loads(cli_here(*command, "--json").stdout)["comparisons"]
    assert len({round(comparison["value"], 6) for comparison in comparisons}) == len(RECIPES)
    assert comparisons[3]["recipe"].startswith("630k-audioset-best, a window of 10 s at every second")
