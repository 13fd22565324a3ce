from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support.audio import music
from support.codec_checks import check_contract, check_runner

from m2l_bench.cards import load_cards
from m2l_bench.codecs.mel_pca import BANDS, COLUMNS, HOP, WIDTH, WINDOW, MelPca
from m2l_bench.errors import UserError
from m2l_bench.shipped import PACKAGE

BASIS = PACKAGE / "codecs" / "weights" / "mel_pca.safetensors"


@pytest.fixture(scope="module")
def codec() -> MelPca:
    return MelPca(BASIS)


def test_contract(codec: MelPca) -> None:
    check_contract(codec, features=COLUMNS * BANDS)
    check_runner(codec)


def test_the_basis_is_orthonormal_and_the_card_names_it(codec: MelPca) -> None:
    torch.testing.assert_close(codec.components @ codec.components.T, torch.eye(WIDTH), rtol=0, atol=1e-5)
    (file,) = load_cards().system("mel-pca").weights.values()
    assert PACKAGE / file.shipped == BASIS


def test_features_are_the_log_mel_spectrogram_of_librosa(codec: MelPca) -> None:
    audio = music(1.0)
    frames = -(-audio.shape[1] // (COLUMNS * HOP))
    whole = np.pad(audio[0], (0, frames * COLUMNS * HOP - audio.shape[1]))
    spectra = np.abs(librosa.stft(whole, n_fft=WINDOW, hop_length=HOP, pad_mode="constant"))[:, :-1]
    bands = librosa.filters.mel(sr=44_100, n_fft=WINDOW, n_mels=BANDS)
    bands /= np.maximum(bands.sum(axis=1, keepdims=True), 1e-9)
    expected = np.log10(np.maximum(bands @ (spectra / np.hanning(WINDOW + 1)[:-1].sum()), 1e-4))
    features = codec.features(torch.from_numpy(audio[None]))[0].numpy()
    shown = features.reshape(COLUMNS, BANDS, frames).transpose(1, 2, 0).reshape(BANDS, -1)
    np.testing.assert_allclose(shown, expected, atol=2e-3)


def test_a_tone_comes_back_at_its_frequency_and_level(codec: MelPca) -> None:
    time = torch.arange(44_100) / 44_100
    tone = 0.5 * torch.sin(2 * torch.pi * 1000 * time)[None, None]
    decoded = codec.decode(codec.encode(tone), 44_100)[0, 0, :44_100]
    spectrum = torch.fft.rfft(decoded[8192:40_000]).abs()
    peak = float(spectrum.argmax()) * 44_100 / (40_000 - 8192)
    assert peak == pytest.approx(1000, rel=0.05)
    assert float(decoded.std()) == pytest.approx(float(tone.std()), rel=0.5)


def test_another_file_is_refused(tmp_path: Path) -> None:
    tensors = load_file(BASIS)
    save_file({"mean": tensors["mean"]}, tmp_path / "a.safetensors")
    with pytest.raises(UserError, match=r"a\.safetensors: holds .*; expected a basis that scripts/make_mel_pca"):
        MelPca(tmp_path / "a.safetensors")
