"""Audio files -> latents files -> audio files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file
from support.audio import music, write

from m2l_bench import audio
from m2l_bench.audio.listing import list_audio
from m2l_bench.errors import BadClip, UserError
from m2l_bench.jobs import latents_files as latents
from m2l_bench.music2latent import Music2Latent, autoencoder


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ("rate", "channels", "samples"),
    [(44_100, 1, 1), (44_100, 2, 100_000), (48_000, 2, 30_001), (8_000, 1, 4_001), (96_000, 6, 9_999), (22_050, 1, 1)],
)
def test_length_rate_and_channels_come_back(
    model: Music2Latent, tmp_path: Path, rate: int, channels: int, samples: int
) -> None:
    song = write(tmp_path / "song.wav", music(samples / rate + 0.1, rate, channels)[:, :samples], rate)
    told = latents.encode_file(model, "w", song, tmp_path / "song.safetensors")
    stored, metadata = latents.read_latents(tmp_path / "song.safetensors")
    assert metadata == told
    assert (metadata.samples, metadata.sample_rate, metadata.channels) == (samples, rate, channels)
    assert stored.shape[:2] == (channels, 64)
    latents.decode_file(model, tmp_path / "song.safetensors", tmp_path / "out" / "song.flac")
    info = soundfile.info(tmp_path / "out" / "song.flac")
    assert (info.frames, info.samplerate, info.channels) == (samples, rate, channels)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "song.safetensors", "song.wav"]


def test_files_hold_what_the_model_gives(model: Music2Latent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read and resampled block by block, joined from chunks: the same as from whole arrays."""
    monkeypatch.setattr(autoencoder, "CHUNK_LATENTS", 18)
    monkeypatch.setattr(autoencoder, "OVERLAP_LATENTS", 6)
    monkeypatch.setattr(autoencoder, "MARGIN_LATENTS", 2)
    monkeypatch.setattr(latents, "BLOCK_SECONDS", 1)
    song = write(tmp_path / "song.wav", music(2.3, 48_000, 2), 48_000, subtype="FLOAT")
    seconds: list[float] = []
    latents.encode_file(model, "w", song, tmp_path / "a.safetensors", seconds.append)
    samples, rate = audio.read(song)
    expected = model.encode(audio.resample(samples, rate, 44_100))
    stored, _ = latents.read_latents(tmp_path / "a.safetensors")
    assert stored.shape == expected.shape
    torch.testing.assert_close(stored, expected, atol=1e-4, rtol=0)
    assert sum(seconds) == pytest.approx(2.3, abs=0.2)

    latents.decode_file(model, tmp_path / "a.safetensors", tmp_path / "a.wav", steps=2, generator=seeded())
    decoded = model.decode(stored, round(2.3 * 44_100), steps=2, generator=seeded()).numpy()
    back = audio.resample(decoded, 44_100, 48_000)
    written, _ = audio.read(tmp_path / "a.wav")
    np.testing.assert_allclose(written, back[:, : written.shape[1]], atol=2e-4)


def test_the_files_own_metadata(model: Music2Latent, tmp_path: Path) -> None:
    song = write(tmp_path / "song.wav", music(0.5))
    metadata = latents.encode_file(model, "some/weights", song, tmp_path / "a.safetensors")
    assert metadata.weights == "some/weights"
    assert metadata.weights_sha256 == model.checkpoint.sha256
    assert metadata.latent_scale == 1
    assert metadata.preset == ""


@pytest.mark.parametrize(
    ("samples", "message"), [(np.zeros((1, 0)), "no samples"), (np.full((1, 9000), np.nan), "NaN or infinite samples")]
)
def test_audio_that_cannot_be_encoded(model: Music2Latent, tmp_path: Path, samples: np.ndarray, message: str) -> None:
    song = write(tmp_path / "song.wav", samples.astype(np.float32), subtype="FLOAT")
    with pytest.raises(BadClip, match=message):
        latents.encode_file(model, "w", song, tmp_path / "a.safetensors")
    assert not (tmp_path / "a.safetensors").exists()


def test_other_files(model: Music2Latent, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not audio")
    with pytest.raises(BadClip, match="not readable as audio"):
        latents.encode_file(model, "w", tmp_path / "text.wav", tmp_path / "a.safetensors")
    (tmp_path / "text.safetensors").write_text("not latents")
    with pytest.raises(BadClip, match="not a whole latents file"):
        latents.read_latents(tmp_path / "text.safetensors")
    save_file({"latents": torch.zeros(1, 64, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(BadClip, match="a safetensors file, but not one of latents"):
        latents.read_latents(tmp_path / "other.safetensors")
    save_file({"latents": torch.zeros(1, 64, 2)}, tmp_path / "half.safetensors", {"format": latents.FORMAT})
    with pytest.raises(BadClip, match="not a whole latents file"):
        latents.read_latents(tmp_path / "half.safetensors")


def test_a_latents_file_cut_short_or_of_other_weights(model: Music2Latent, tmp_path: Path) -> None:
    song = write(tmp_path / "song.wav", music(0.5))
    path = tmp_path / "a.safetensors"
    latents.encode_file(model, "w", song, path)
    other = Music2Latent(type(model.checkpoint)(model.checkpoint.networks, Path("other"), "1" * 64))
    with pytest.raises(BadClip, match=r"encoded with other weights: SHA-256 000000000000\.\.\., these are 1111"):
        latents.decode_file(other, path, tmp_path / "a.flac")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(BadClip, match="not a whole latents file"):
        latents.decode_file(model, path, tmp_path / "a.flac")
    assert not (tmp_path / "a.flac").exists()


def test_a_format_that_cannot_hold_it(model: Music2Latent, tmp_path: Path) -> None:
    song = write(tmp_path / "song.wav", music(0.1, channels=2))
    latents.encode_file(model, "w", song, tmp_path / "a.safetensors")
    with pytest.raises(BadClip, match=r"a\.xyz: cannot be written"):
        latents.decode_file(model, tmp_path / "a.safetensors", tmp_path / "a.xyz")
    assert not list(tmp_path.glob("*.xyz")) and not list(tmp_path.glob(".*"))


def test_pairs_keep_the_structure_of_folders(tmp_path: Path) -> None:
    for name in ("one.flac", "sub/two.WAV", "sub/notes.txt"):
        write_empty(tmp_path / "in" / name)
    files = list_audio(tmp_path / "in").files
    pairs = latents.input_output_pairs(tmp_path / "in", tmp_path / "out", ".safetensors", files)
    assert [str(target.relative_to(tmp_path)) for _, target in pairs] == [
        "out/one.safetensors",
        "out/sub/two.safetensors",
    ]
    (pair,) = latents.input_output_pairs(tmp_path / "in" / "one.flac", None, ".safetensors", [])
    assert pair[1] == tmp_path / "in" / "one.safetensors"
    (pair,) = latents.input_output_pairs(tmp_path / "in" / "one.flac", tmp_path, ".safetensors", [])
    assert pair[1] == tmp_path / "one.safetensors"


def test_files_that_differ_in_their_suffix_alone_keep_it(tmp_path: Path) -> None:
    files = [write_empty(tmp_path / "in" / name) for name in ("a.flac", "a.mp3", "a.wav", "b.wav")]
    pairs = latents.input_output_pairs(tmp_path / "in", tmp_path / "out", ".safetensors", files)
    names = ["a.flac.safetensors", "a.mp3.safetensors", "a.wav.safetensors", "b.safetensors"]
    assert [target.name for _, target in pairs] == names


def test_pairs_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        latents.input_output_pairs(tmp_path / "nowhere", None, ".flac", [])
    with pytest.raises(UserError, match="nothing to do"):
        latents.input_output_pairs(tmp_path, None, ".flac", latents.list_latents(tmp_path))
    file = write_empty(tmp_path / "a.wav")
    with pytest.raises(UserError, match=r"is a file, but .* is a folder"):
        latents.input_output_pairs(tmp_path, file, ".safetensors", [file])


def write_empty(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path
