"""Record what the published packages measure on the signals of tests/metrics/test_spectrograms.py.

In an environment of its own, because the requirements of descript-audio-codec fit beside no others:

    pip install torch scipy librosa soundfile auraloss==0.4.0 descript-audiotools==0.7.2
    pip install --no-deps descript-audio-codec==1.0.0
    git clone https://github.com/Eps-Acoustic-Revolution-Lab/EAR_VAE
    python scripts/record_spectral_distances.py EAR_VAE/eval/eval_compare_matrix.py

Writes tests/metrics/data/spectral_distances.json.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from unittest.mock import MagicMock

import auraloss
import torch
from audiotools import AudioSignal

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from devtools.degraded_pairs import SAMPLE_RATE, degraded_pairs  # noqa: E402

WINDOWS = [32, 64, 128, 256, 512, 1024, 2048]
BANDS = [5, 10, 20, 40, 80, 160, 320]


def module(path: Path) -> ModuleType:
    """A file as a module, without the package around it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def main() -> None:
    package = importlib.util.find_spec("dac")
    assert package is not None and package.submodule_search_locations
    losses = module(Path(package.submodule_search_locations[0]) / "nn" / "loss.py")
    sys.modules |= {"torchaudio": MagicMock()}  # reads files there
    coherence = module(Path(sys.argv[1])).phase_coherence_criteria
    nothing: list[None] = [None] * 7
    mel = losses.MelSpectrogramLoss(
        BANDS, WINDOWS, mag_weight=0.0, pow=1.0, mel_fmin=[0.0] * 7, mel_fmax=nothing, clamp_eps=1e-5
    )
    stft = losses.MultiScaleSTFTLoss([2048, 512])
    multi_resolution = auraloss.freq.MultiResolutionSTFTLoss()
    recorded = {}
    for name, pair in degraded_pairs().items():
        target, output = (torch.from_numpy(audio)[None] for audio in pair)
        parts = {"": (target, output)}
        if target.shape[1] == 2:
            parts |= {
                part: tuple((audio[:, :1] + sign * audio[:, 1:]) / 2 for audio in (target, output))
                for part, sign in (("_mid", 1), ("_side", -1))
            }
        values = {}
        for part, (reference, estimate) in parts.items():
            signals = [AudioSignal(audio, SAMPLE_RATE) for audio in (estimate, reference)]
            values[f"mel_distance{part}"] = mel(*signals)
            values[f"stft_distance{part}"] = stft(*signals)
            values[f"mr_stft_auraloss{part}"] = multi_resolution(estimate, reference)
        phase = coherence(output, target)
        values["channel_coherence"] = phase["per_channel_coherence"].mean()
        if phase["interchannel_coherence"] is not None:
            values["inter_channel_coherence"] = phase["interchannel_coherence"]
        recorded[name] = {metric: round(float(value), 7) for metric, value in values.items()}
    path = ROOT / "tests" / "metrics" / "data" / "spectral_distances.json"
    path.write_text(json.dumps(recorded, indent=2) + "\n")


if __name__ == "__main__":
    main()
