"""`frechet_distance`: the Fréchet audio distance between two folders; `load_embedding`: what turns audio to vectors."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from m2l_bench.cards import load_cards
from m2l_bench.distances.folders import Comparison, compare
from m2l_bench.progress import Progress, Quiet
from m2l_bench.systems.embedding_runner import EmbeddingRunner
from m2l_bench.systems.embedding_runner import load_embedding as load_card
from m2l_bench.weights.locate import cache_folder


def frechet_distance(
    reference: str | PathLike[str],
    evaluated: str | PathLike[str],
    *,
    embedding: str = "musicnn",
    device: str = "cpu",
    weights_dir: str | PathLike[str] | None = None,
    cache: str | PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compute the Fréchet audio distance between two folders of audio, and how far it can be trusted.

    Each file is embedded once: its vectors are cached.

    Args:
        reference: folder of reference audio, or a file of its statistics (`.npz`).
        evaluated: folder of audio to compare with it.
        embedding: name of an embedding that `m2l-bench weights list` lists.
        device: a torch device, for example "cpu" or "cuda:0".
        weights_dir: a folder of weight files to look in first.
        cache: folder where vectors are cached.
        progress: shows the progress; default: nothing is shown.

    Returns:
        `distance.value` with its interval `distance.low` to `distance.high`, `distance.kernel` (the kernel audio
        distance) with `distance.kernel_low` and `distance.kernel_high`, `distance.density` and `distance.coverage`, the
        distance of each clip in `by_clip`, and `notes`.

    Raises:
        UserError: a folder or the embedding is not there, or there are too few vectors for a distance.

    Example:
        >>> frechet_distance("originals", "reconstructions").distance.value
    """
    runner = load_embedding(embedding, device=device, weights_dir=weights_dir)
    folder = Path(cache) if cache else cache_folder()
    return compare(Path(reference), Path(evaluated), embedding, runner, folder, progress or Quiet())


def load_embedding(
    name: str, *, device: str = "cpu", weights_dir: str | PathLike[str] | None = None
) -> EmbeddingRunner:
    """Load an embedding by the name of its card, in the wrapper that handles sample rate, channels and length.

    Args:
        name: a name that `m2l-bench weights list` lists.
        device: a torch device, for example "cpu" or "cuda:0".
        weights_dir: a folder of weight files to look in first.

    Raises:
        UserError: there is no such embedding, it is not available on this machine, or a weight file is damaged.

    Example:
        >>> load_embedding("musicnn").embed(np.zeros((1, 48_000), np.float32), 16_000).shape
        (1, 200)
    """
    card = load_cards().embedding(name)
    return load_card(card, device=device, weights_dir=Path(weights_dir) if weights_dir else None)
