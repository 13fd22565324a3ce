"""Fetch published weights and try them with real files: one line per system, and one per embedding.

    pip install -e ".[test]"
    python scripts/check_published_weights.py                   # everything, about 14 GB
    python scripts/check_published_weights.py music2latent dac

Of each: its files are fetched and held against the SHA-256 of its card, a file without one is named with the hash to
put there; the network is loaded; the first bundled clip goes through it. Systems show SI-SDR and ViSQOL of the
reconstruction and, to compare by eye, what the paper measured over all of MusicCaps. Music2Latent is also held against
the authors' package: latents, features and reconstruction within 1e-4 (relative, in float32).

What fails is one line too and does not stop the others: a licence not accepted, no connection, another file than the
published. Exit code 1 if anything failed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from m2l_bench import audio
from m2l_bench.audio import Audio
from m2l_bench.cards import AdapterCard, Cards, EmbeddingCard, SystemCard, load_cards
from m2l_bench.datasets import bundled
from m2l_bench.errors import UserError
from m2l_bench.metrics.si_sdr import si_sdr
from m2l_bench.music2latent import PUBLISHED_LATENT_SCALE, Music2Latent, checkpoint
from m2l_bench.reconstruction.scoring import score
from m2l_bench.runs.schema import Row
from m2l_bench.systems.embedding_runner import load_embedding
from m2l_bench.systems.loading import load_runner
from m2l_bench.tables.published import TABLE2
from m2l_bench.text import one_line
from m2l_bench.weights.locate import checked_sha256, fetch

TOLERANCE = 1e-4
NAME = "music2latent"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="cards of systems and embeddings; default: all that have weights")
    parser.add_argument("--seconds", type=float, default=10.0, help="of the clip")
    parser.add_argument("--weights-dir", type=Path, help="fetch into this folder in place of the caches")
    arguments = parser.parse_args()
    try:
        cards = select_cards(load_cards(), arguments.names)
    except UserError as error:
        parser.error(str(error))
    lines = [check(card, arguments.seconds, arguments.weights_dir) for card in cards]
    failed = [name for name, well in lines if not well]
    print(f"{len(lines) - len(failed)} of {len(lines)} are well" + (f"; not {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def select_cards(cards: Cards, names: list[str]) -> list[SystemCard | EmbeddingCard]:
    """Cards with weights to fetch, by these names or all; a name may be of a system and of an embedding."""
    everything: list[SystemCard | EmbeddingCard] = [*cards.systems.values(), *cards.embeddings.values()]
    fetched = [card for card in everything if any(not file.shipped for file in card.weights.values())]
    unknown = set(names) - {card.name for card in fetched}
    if unknown:
        raise UserError(f"no weights to fetch for {min(unknown)}; there are {', '.join(card.name for card in fetched)}")
    return [card for card in fetched if not names or card.name in names]


def check(card: SystemCard | EmbeddingCard, seconds: float, weights_dir: Path | None = None) -> tuple[str, bool]:
    """Print the line of a card; its name, and whether all is well."""
    try:
        hashes = unpinned(card, weights_dir)
        if isinstance(card, EmbeddingCard):
            report = of_embedding(card, seconds, weights_dir)
        elif card.name == NAME:
            report = of_music2latent(fetch(card.weights["weights"], weights_dir), seconds)
        else:
            report = of_system(card, seconds, weights_dir)
        report += "".join(f"; {name}: sha256 {digest}" for name, digest in hashes.items())
    except Exception as error:  # whatever it is, the next one is tried
        print(f"FAILED  {card.name}: {one_line(error)}", flush=True)
        return card.name, False
    print(f"well    {card.name}: {report}", flush=True)
    return card.name, True


def unpinned(card: AdapterCard, weights_dir: Path | None) -> dict[str, str]:
    """Fetch all files; the SHA-256 of those for which the card has none, by key of the card."""
    paths = {key: fetch(file, weights_dir) for key, file in card.weights.items()}
    return {key: checked_sha256(file, paths[key]) for key, file in card.weights.items() if not file.sha256}


def of_system(card: SystemCard, seconds: float, weights_dir: Path | None) -> str:
    """Reconstruct the clip and describe its scores, beside the paper's."""
    original, rate = clip(seconds)
    runner = load_runner(card, weights_dir=weights_dir)
    reconstruction = runner.reconstruct("clip", original, rate).audio
    measured = Row(id="clip")
    score(measured, original, reconstruction, rate, ["si_sdr_db", "visqol"])
    paper = TABLE2["paper"]
    report = f"SI-SDR {measured.values['si_sdr_db']:.2f} dB, ViSQOL {measured.values['visqol']:.2f}"
    if model := paper.model(card):
        figures = [paper.figure(model, name) for name in ("si_sdr_db", "visqol")]
        report += f" (paper, all of MusicCaps: {figures[0]:.2f} dB, {figures[1]:.2f})"
    return report


def of_embedding(card: EmbeddingCard, seconds: float, weights_dir: Path | None) -> str:
    """Embed the clip and describe its vectors."""
    original, rate = clip(seconds)
    vectors = load_embedding(card, weights_dir=weights_dir).embed(original, rate)
    count, width = vectors.shape
    return f"{count} vectors of {width}, mean {np.mean(vectors):.3g}, deviation {np.std(vectors):.3g}"


def of_music2latent(path: Path, seconds: float) -> str:
    """Describe how far our Music2Latent is from the authors' package.

    Raises:
        UserError: it is further away than it may be.
    """
    model = Music2Latent(checkpoint.load(path, "official"))
    differences, quality = compare(model, seconds)
    report = ", ".join(f"{what} {difference:.1e}" for what, difference in differences.items())
    report += f" from the package; SI-SDR {quality:.2f} dB"
    if path.parent.parent.name == "snapshots":  # the hub's cache: <repository>/snapshots/<commit>/<file>
        report += f"; revision {path.parent.name}"
    report += f"; {sum(parameter.numel() for parameter in model.checkpoint.networks.parameters()):,} parameters"
    if max(differences.values()) >= TOLERANCE:
        raise UserError(f"differs by more than {TOLERANCE}: {report}")
    return report


def clip(seconds: float) -> tuple[Audio, int]:
    """The first bundled clip (channels, samples), and its rate."""
    samples, rate = audio.read(bundled.load().clips[0].path)
    return np.clip(samples[:, : round(seconds * rate)], -1, 1), rate


def compare(model: Music2Latent, seconds: float) -> tuple[dict[str, float], float]:
    """Relative differences from the authors' package, and the SI-SDR of our reconstruction."""
    package = load_package(model)
    samples, rate = clip(seconds)
    original = audio.resample(audio.to_mono(samples), rate, model.config.sample_rate)
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
