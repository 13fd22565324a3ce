"""Features of clips: one path for embeddings and codecs, cached by content, resumed, bad clips named."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from support.audio import music, write
from support.toy_embedding import Toy

from m2l_bench import audio
from m2l_bench.cards import SystemCard, load_cards
from m2l_bench.codecs.base import Codec
from m2l_bench.datasets.base import Clip
from m2l_bench.embeddings.handmade import Chroma, LogMel
from m2l_bench.embeddings.untrained import UntrainedMusic2Latent
from m2l_bench.errors import UserError
from m2l_bench.probing.features import Features, content_hashes, extract
from m2l_bench.progress import Quiet
from m2l_bench.systems.codec_features import CodecFeatures, load_codec_features
from m2l_bench.systems.embedding_runner import EmbeddingRunner, load_embedding


class StereoCodec(Codec):
    """Features are samples in frames of four, of both channels; it counts its calls and fails on loud audio."""

    sample_rate, channels = 8000, 2

    def __init__(self) -> None:
        self.batches: list[int] = []

    def encode(self, audio: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def decode(self, latents: torch.Tensor, samples: int, **_: object) -> torch.Tensor:
        raise NotImplementedError

    def features(self, audio: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(audio))
        if audio.abs().max() > 0.99:
            raise RuntimeError("too loud")
        frames = audio[..., : audio.shape[-1] // 4 * 4].unflatten(-1, (-1, 4))
        return frames.permute(0, 1, 3, 2).flatten(1, 2)


def clips_in(folder: Path, seconds: tuple[float, ...] = (1.0, 1.0, 1.0, 0.5)) -> list[Clip]:
    return [
        Clip(f"c{i}", write(folder / f"c{i}.wav", music(long, 8000, seed=i), 8000)) for i, long in enumerate(seconds)
    ]


def run(runner: EmbeddingRunner, clips: list[Clip], cache: Path) -> Features:
    return extract("model", runner, clips, content_hashes(clips, Quiet()), cache, Quiet())


def test_a_feature_is_the_mean_of_the_clips_vectors(tmp_path: Path) -> None:
    clips, runner = clips_in(tmp_path), EmbeddingRunner(Toy(), "identity")
    features = run(runner, clips, tmp_path / "cache")
    assert features.ids == ("c0", "c1", "c2", "c3") and features.matrix.dtype == np.float32 and not features.failed
    for row, clip in zip(features.matrix, clips, strict=True):
        np.testing.assert_allclose(row, runner.embed(*audio.read(clip.path)).mean(axis=0), rtol=1e-6)
    assert isinstance(features.matrix, np.memmap)


def test_a_codec_hears_mono_on_all_its_channels_and_neighbours_of_equal_length_together(tmp_path: Path) -> None:
    codec = StereoCodec()
    embedding = CodecFeatures(codec, batch_size=2)
    assert embedding.dim == 8
    codec.batches.clear()
    clips = clips_in(tmp_path)
    features = run(EmbeddingRunner(embedding, "identity"), clips, tmp_path / "cache")
    assert codec.batches == [2, 1, 1]
    samples = audio.read(clips[3].path)[0].mean(axis=0)
    expected = np.tile(samples.reshape(-1, 4).mean(axis=0), 2)
    np.testing.assert_allclose(features.matrix[3], expected, atol=1e-6)


def test_on_a_gpu_clips_of_equal_length_wait_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = clips_in(tmp_path, (1.0, 0.5, 1.0, 0.5, 1.0, 0.5))
    clips[2].path.write_bytes(b"not audio")
    alone = run(EmbeddingRunner(CodecFeatures(StereoCodec(), 4), "alone"), clips, tmp_path / "cache")
    monkeypatch.setattr("m2l_bench.probing.features.is_gpu", lambda device: True)
    codec = StereoCodec()
    runner = EmbeddingRunner(CodecFeatures(codec, 4), "together")
    codec.batches.clear()
    together = run(runner, clips, tmp_path / "cache")
    assert codec.batches == [2, 3] and together.ids == alone.ids and together.failed == alone.failed
    np.testing.assert_allclose(together.matrix, alone.matrix, atol=1e-6)


def test_only_what_is_new_is_computed_and_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    clips, counter = clips_in(tmp_path), tmp_path / "counter"
    runner = EmbeddingRunner(Toy(counter=str(counter)), "identity")
    first = run(runner, clips[:2], tmp_path / "cache")
    second = run(runner, clips, tmp_path / "cache")
    assert counter.read_text() == "...." and (second.matrix[:2] == first.matrix).all()
    moved = Clip("moved", Path(shutil.copy(clips[0].path, tmp_path / "moved.wav")))
    section = Clip("section", clips[0].path, start_seconds=0.5)
    third = run(runner, [moved, section], tmp_path / "cache")
    assert counter.read_text() == "....." and (third.matrix[0] == first.matrix[0]).all()
    assert not (third.matrix[1] == first.matrix[0]).all()
    run(EmbeddingRunner(runner.embedding, "other weights"), clips[:1], tmp_path / "cache")
    assert counter.read_text() == "......"


def test_bad_clips_are_named_and_left_out_and_the_rest_goes_on(tmp_path: Path) -> None:
    clips = clips_in(tmp_path, (1.0,) * 6)
    clips[1].path.write_bytes(b"not audio")
    clips[2].path.unlink()
    write(clips[4].path, np.ones((1, 8000), np.float32), 8000)
    features = run(EmbeddingRunner(CodecFeatures(StereoCodec(), 4), "identity"), clips, tmp_path / "cache")
    assert features.ids == ("c0", "c3", "c5") and len(features.matrix) == 3
    assert "not readable as audio" in features.failed["c1"] and "file not found" in features.failed["c2"]
    assert features.failed["c4"] == "RuntimeError: too loud"
    alone = run(EmbeddingRunner(CodecFeatures(StereoCodec(), 1), "alone"), clips, tmp_path / "cache")
    assert (alone.matrix == features.matrix).all()
    with pytest.raises(UserError, match="features of none of the 2 clips"):
        run(EmbeddingRunner(Toy(), "other"), clips[1:3], tmp_path / "cache")
    # A clip that was repaired is computed, without its neighbours.
    write(clips[1].path, music(1.0, 8000), 8000)
    repaired = run(EmbeddingRunner(CodecFeatures(StereoCodec(), 4), "identity"), clips, tmp_path / "cache")
    assert repaired.ids == ("c0", "c1", "c3", "c5")


def test_features_that_are_no_numbers_are_bad_clips(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="NaN"):
        run(EmbeddingRunner(Toy(gives_nan=True), "identity"), clips_in(tmp_path), tmp_path / "cache")


def test_a_clip_shorter_than_the_window_is_followed_by_silence(tmp_path: Path) -> None:
    clips = clips_in(tmp_path, (1.0, 0.2))
    features = run(EmbeddingRunner(Toy(), "identity"), clips, tmp_path / "cache")
    samples = audio.read(clips[1].path)[0]
    padded = np.pad(samples, ((0, 0), (0, 2000 - samples.shape[1])))
    np.testing.assert_allclose(
        features.matrix[1], EmbeddingRunner(Toy(), "").embed(padded, 8000).mean(axis=0), rtol=1e-6
    )


def test_chroma_tells_the_pitch_class_and_mel_the_register() -> None:
    def tone(frequency: float, rate: int) -> torch.Tensor:
        time = torch.arange(2 * rate) / rate
        return 0.2 * sum(torch.sin(2 * torch.pi * frequency * k * time) / k for k in (1, 2, 3))

    chroma = Chroma()
    for frequency, number in ((440.0, 9), (220.0, 9), (523.25, 0)):
        assert int(chroma.embed(tone(frequency, 22_050)).mean(dim=0).argmax()) == number
    mel = LogMel()
    low, high = (mel.embed(tone(frequency, 44_100)).mean(dim=0) for frequency in (220.0, 1760.0))
    assert low.shape == (128,) and int(low.argmax()) < int(high.argmax()) and bool((low >= 0).all())
    assert (
        torch.isfinite(mel.embed(torch.zeros(44_100))).all() and torch.isfinite(chroma.embed(torch.zeros(22_050))).all()
    )


def test_an_untrained_encoder_is_drawn_by_its_seed_and_every_branch_acts() -> None:
    first, again, other = (UntrainedMusic2Latent("tiny", seed) for seed in (0, 0, 1))
    waveforms = torch.from_numpy(np.concatenate([music(1.0, seed=seed)[:1] for seed in (0, 1)]))
    batch = first.embed_batch(waveforms)
    assert batch.shape == (2, 8, first.dim) and torch.isfinite(batch).all()
    torch.testing.assert_close(batch[1], again.embed(waveforms[1]))
    assert not torch.allclose(batch[0], other.embed(waveforms[0]))
    assert UntrainedMusic2Latent("tiny", crops=3).embed(waveforms[0]).shape == (24, first.dim)
    blocks = [module for module in first.model.checkpoint.networks.encoder.modules() if hasattr(module, "weight")]
    assert all(module.weight.any() for module in blocks)
    with pytest.raises(UserError, match="no preset 'huge'"):
        UntrainedMusic2Latent("huge")


def test_music2latent_is_probed_by_its_system_card(tmp_path: Path) -> None:
    """The widest layer of given weights, whose hash is part of what the cache knows them by."""
    identities = []
    for seed in (0, 1):
        folder = UntrainedMusic2Latent("tiny", seed).model.save_pretrained(tmp_path / str(seed)).parent
        card = SystemCard(
            name="m2l",
            title="M2L",
            kind="neural",
            adapter="m2l_bench.codecs.music2latent:Music2LatentCodec",
            options={"weights": str(folder)},
        )
        runner = load_codec_features(card)
        identities.append(runner.identity)
        stereo = music(1.0, channels=2)
        (waveforms,) = runner.embed_equal([stereo.mean(axis=0)])
        np.testing.assert_allclose(runner.embed(stereo, 44_100), waveforms, atol=1e-4)
        assert waveforms.shape[1] == runner.dim == 512
    assert identities[0] != identities[1]


def test_cards_say_which_codec_can_be_probed() -> None:
    cards = load_cards()
    for name in ("mel-mean", "chroma", "music2latent-untrained"):
        assert load_embedding(cards.embedding(name)).dim in (128, 12, 4096)
    recorded = SystemCard(name="x", title="X", kind="anchor", adapter="hidden-reference")
    with pytest.raises(UserError, match="x has no encoder and decoder to load"):
        load_codec_features(recorded)
