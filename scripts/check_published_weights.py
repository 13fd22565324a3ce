"""Fetch the published Music2Latent weights and hold ours against the authors' package, with the real file.

    pip install "m2l-bench[test]"
    python scripts/check_published_weights.py

Prints the commit and the SHA-256 that `m2l_bench/music2latent/hub.py` pins, and how far latents, features and
reconstruction of a bundled clip lie from those of `music2latent` (relative, in float32). Exit code 1 when one of them
lies further than 1e-4.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import torch

from m2l_bench import audio
from m2l_bench.datasets import bundled
from m2l_bench.metrics.si_sdr import si_sdr
from m2l_bench.music2latent import PUBLISHED_LATENT_SCALE, CheckpointError, Music2Latent, checkpoint, hub

TOLERANCE = 1e-4
NAME = "music2latent"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="of the clip to compare on")
    seconds = parser.parse_args().seconds
    try:
        path = hub.download(NAME)
        model = Music2Latent(checkpoint.load(path, hub.PUBLISHED[NAME].preset))
    except CheckpointError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    # The hub's cache is <repository>/snapshots/<commit>/<file>.
    print(f'revision   "{path.parent.name}"')
    print(f'sha256     "{model.checkpoint.sha256}"')
    print(f"parameters {sum(parameter.numel() for parameter in model.checkpoint.networks.parameters()):,}")
    differences, quality = compare(model, seconds)
    for what, difference in differences.items():
        print(f"{what:<15}{difference:.1e}  {'agrees' if difference < TOLERANCE else 'DIFFERS'}")
    print(f"SI-SDR of the reconstruction: {quality:.2f} dB")
    return 0 if max(differences.values()) < TOLERANCE else 1


def compare(model: Music2Latent, seconds: float) -> tuple[dict[str, float], float]:
    """Relative differences from the authors' package, and the SI-SDR of our reconstruction."""
    package = load_package(model)
    clip = bundled.load().clips[0]
    samples, rate = audio.read(clip.path)
    original = audio.to_mono(samples)[:, : round(seconds * rate)]
    original = audio.resample(original, rate, model.config.sample_rate)
    waveform = torch.from_numpy(original)
    latents = model.encode(waveform, strict=True)
    torch.manual_seed(0)
    reconstruction = model.decode(latents, strict=True)
    torch.manual_seed(0)
    theirs = package.decode(latents / PUBLISHED_LATENT_SCALE)
    differences = {
        "latents": relative(latents / PUBLISHED_LATENT_SCALE, package.encode(waveform)),
        "features": relative(model.features(waveform, strict=True), package.encode(waveform, extract_features=True)),
        "reconstruction": relative(reconstruction, theirs),
    }
    return differences, si_sdr(original[:, : reconstruction.shape[-1]], reconstruction.numpy())


def load_package(model: Music2Latent):  # type: ignore[no-untyped-def]
    """The authors' package with the same tensors, written anew: it would unpickle a downloaded file unchecked."""
    from music2latent import inference

    inference.download_model = lambda: None  # into its own folder: we have the file
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "music2latent.pt"
        checkpoint.export_official(model.checkpoint.networks, path)
        return inference.EncoderDecoder(load_path_inference=path, device="cpu")


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours.double() - theirs.double()).norm() / theirs.double().norm())


if __name__ == "__main__":
    sys.exit(main())
