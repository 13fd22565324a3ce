"""MusiCNN against the original in TensorFlow, its windows over long audio, its weights and where they come from."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from support.audio import music
from support.embedding_checks import check_blocks
from support.shared import shared

from m2l_bench import audio
from m2l_bench.cards import load_cards
from m2l_bench.embeddings import musicnn
from m2l_bench.embeddings.musicnn import MINIMUM_SAMPLES, MusiCNN, log_mel_windows
from m2l_bench.environment import compile_librosa
from m2l_bench.errors import UserError
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.systems.embedding_runner import load_embedding
from m2l_bench.weights.locate import fetch

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "m2l_bench" / "embeddings" / "weights"
CHECKPOINT = WEIGHTS / "musicnn_msd.safetensors"
PARITY = np.load(Path(__file__).parent / "musicnn_parity" / "original.npz")
CONVERT = ROOT / "scripts" / "convert_musicnn.py"


@pytest.fixture(scope="module")
def embedding() -> MusiCNN:
    return MusiCNN(CHECKPOINT)


def waveform(seconds: float) -> torch.Tensor:
    return torch.from_numpy(music(seconds, rate=16_000)[0])


def test_the_network_is_the_original(embedding: MusiCNN) -> None:
    """Absolute differences: units and tags are of order 1. Measured: at most 7.4e-7 and 7.6e-6."""
    with torch.no_grad():
        taggram, penultimate = embedding.network(torch.from_numpy(PARITY["log_mel"]))
    np.testing.assert_allclose(taggram, PARITY["taggram"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(penultimate, PARITY["penultimate"], rtol=0, atol=1e-4)


def test_a_clip_gives_the_original_vector(embedding: MusiCNN) -> None:
    samples, rate = audio.read(shared("weights", "musicnn-parity", "2.ogg"))
    mono = torch.from_numpy(audio.resample(audio.to_mono(samples), rate, 16_000)[0])
    # Logarithms differ by processor: NumPy keeps them within 4 units in the last place.
    np.testing.assert_array_max_ulp(next(log_mel_windows(mono))[0].numpy(), PARITY["log_mel"][0], maxulp=4)
    np.testing.assert_allclose(embedding.embed(mono)[0], PARITY["penultimate"][0], rtol=0, atol=1e-4)


def test_long_audio_is_its_windows_one_by_one(embedding: MusiCNN, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(musicnn, "BATCH", 3)
    samples = waveform(18)
    assert [len(windows) for windows in log_mel_windows(samples)] == [3, 3, 3, 2]
    # As upstream: one spectrogram of the whole file.
    compile_librosa()
    mel = librosa.feature.melspectrogram(y=samples.numpy(), sr=16_000, n_fft=512, hop_length=256, n_mels=96).T
    log_mel = torch.from_numpy(np.log10(10_000 * mel.astype(np.float16).astype(np.float32) + 1))
    with torch.no_grad():
        one_by_one = [embedding.network(log_mel[None, i : i + 187])[1][0] for i in range(0, len(log_mel) - 187 + 1, 93)]
    torch.testing.assert_close(embedding.embed(samples), torch.stack(one_by_one), rtol=0, atol=1e-4)


@pytest.mark.parametrize("extra, frames", [(0, 1), (93 * 256 - 1, 1), (93 * 256, 2)])
def test_every_whole_window_has_a_vector(embedding: MusiCNN, extra: int, frames: int) -> None:
    assert embedding.minimum_seconds * embedding.sample_rate == MINIMUM_SAMPLES
    assert embedding.embed(waveform(5)[: MINIMUM_SAMPLES + extra]).shape == (frames, embedding.dim)


def test_another_hop_has_the_vectors_of_its_windows(embedding: MusiCNN) -> None:
    dense = MusiCNN(CHECKPOINT, hop_frames=31)
    samples = waveform(10)
    vectors = dense.embed(samples)
    assert len(vectors) == 15
    # Windows of three hops of 31 frames are those of one hop of 93, but for the edge of a batch of windows.
    torch.testing.assert_close(vectors[::3], embedding.embed(samples), rtol=0, atol=1e-4)
    second = samples[31 * 256 :]
    torch.testing.assert_close(vectors[4], dense.embed(second)[3], rtol=0, atol=1e-4)


def test_the_dense_card_knows_a_covariance_on_thirty_clips_of_ten_seconds() -> None:
    card = load_cards().embedding("musicnn-dense")
    runner = load_embedding(card)
    vectors = runner.embed(music(10, 44_100, channels=2), 44_100)
    assert 30 * len(vectors) > 2 * runner.dim
    usual = load_cards().embedding("musicnn")
    assert card.weights == usual.weights and usual.options == {} and runner.identity != load_embedding(usual).identity


@pytest.mark.parametrize("hop", [0, 1, 188, -93])
def test_a_hop_that_is_none_is_refused(hop: int) -> None:
    with pytest.raises(ValueError, match=f"hop_frames: expected a whole number from 2 to 187, got {hop}"):
        MusiCNN(CHECKPOINT, hop_frames=hop)


@pytest.mark.parametrize("shape", [(0,), (MINIMUM_SAMPLES - 1,), (2, MINIMUM_SAMPLES)])
def test_audio_without_a_whole_window_is_refused(embedding: MusiCNN, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"at least {MINIMUM_SAMPLES} samples needed, got \\({shape[0]},"):
        embedding.embed(torch.zeros(shape))


def test_extreme_levels_are_finite(embedding: MusiCNN) -> None:
    """The mel bands of a full-scale tone are beyond what half precision holds once multiplied by 10,000."""
    tone = torch.sin(torch.arange(MINIMUM_SAMPLES) * 0.2)
    for samples in (torch.zeros(MINIMUM_SAMPLES), tone, tone.sign()):
        assert embedding.embed(samples).isfinite().all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_the_same_on_a_gpu(embedding: MusiCNN) -> None:
    """The tolerance leaves room for TF32 convolutions, PyTorch's default."""
    samples = waveform(5)
    on_gpu = MusiCNN(CHECKPOINT)
    on_gpu.to("cuda")
    moved = on_gpu.embed(samples.cuda())
    assert moved.is_cuda
    torch.testing.assert_close(moved.cpu(), embedding.embed(samples), rtol=0, atol=2e-2)


def test_files_that_are_not_the_weights_are_named(tmp_path: Path) -> None:
    tensors = load_file(CHECKPOINT)
    save_file(tensors | {"dense.bias": torch.zeros(3)}, tmp_path / "shape.safetensors")
    save_file({"w": torch.zeros(3)}, tmp_path / "other.safetensors")
    (tmp_path / "short.safetensors").write_bytes(CHECKPOINT.read_bytes()[:10_000])
    reasons = {
        "shape": "not the weights of MusiCNN .*dense.bias",
        "other": "not the weights of MusiCNN .*Missing key",
        "short": "not a whole safetensors file",
        "absent": "cannot be read",
    }
    for name, reason in reasons.items():
        with pytest.raises(UserError, match=f"{name}.safetensors: {reason}") as caught:
            MusiCNN(tmp_path / f"{name}.safetensors")
        assert "\n" not in str(caught.value)


def test_card_and_readme_give_the_hash_of_the_weights() -> None:
    file = load_cards().embedding("musicnn").weights["checkpoint"]
    assert fetch(file) == CHECKPOINT
    digest = file_checksum(CHECKPOINT)
    assert file.sha256 == digest
    assert digest in (WEIGHTS / "README.md").read_text()
    with safe_open(CHECKPOINT, "np") as content:
        assert len(content.metadata()) == 1  # several are written in random order


def test_the_converter_names_what_is_not_the_wheel(tmp_path: Path) -> None:
    wheel = tmp_path / "other.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("other/__init__.py", "")
    result = run_converter(wheel, tmp_path / "out.safetensors")
    assert result.returncode == 1
    assert f"error: {wheel}: not the wheel of musicnn 0.1.0" in result.stderr
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.slow
def test_the_converter_writes_the_shipped_file(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    got = subprocess.run([*pip, "download", "--no-deps", "-d", tmp_path, "musicnn==0.1.0"], check=False)
    if got.returncode:
        pytest.skip("musicnn 0.1.0 cannot be downloaded here")
    result = run_converter(next(tmp_path.glob("musicnn-*.whl")), tmp_path / "out.safetensors")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "out.safetensors").read_bytes() == CHECKPOINT.read_bytes()


def run_converter(wheel: Path, output: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, CONVERT, wheel, "--output", output]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("hop", [93, 31, 187])
def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch, hop: int) -> None:
    check_blocks(MusiCNN(CHECKPOINT, hop_frames=hop), musicnn, monkeypatch, batches=8)
