"""What stands in for torchaudio under Moûsai's encoder, against torchaudio."""

from __future__ import annotations

import torch

from m2l_bench.codecs.mousai_networks import MelScale, Spectrogram
from tests_upstream.folders import tones


def test_spectrogram_and_mel_bands() -> None:
    from torchaudio import transforms

    sizes = {"n_fft": 1024, "hop_length": 256, "win_length": 1024, "center": False, "power": None}
    bands = {"n_mels": 80, "sample_rate": 48_000, "n_stft": 513}
    theirs = torch.nn.ModuleList([transforms.Spectrogram(**sizes), transforms.MelScale(**bands)])
    ours = torch.nn.ModuleList([Spectrogram(**sizes), MelScale(**bands)])
    ours.load_state_dict(theirs.state_dict())  # the names of a file of weights, too
    clip = torch.stack([torch.from_numpy(tones(0.5, 48_000, seed)) for seed in (0, 1)])
    torch.testing.assert_close(ours[0](clip), theirs[0](clip), rtol=0, atol=1e-5)
    magnitudes = theirs[0](clip).abs()
    torch.testing.assert_close(ours[1](magnitudes), theirs[1](magnitudes), rtol=1e-5, atol=1e-5)
