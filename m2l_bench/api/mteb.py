"""`mteb_model`: a model of this package for the tasks of MTEB and its audio benchmark MAEB."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from m2l_bench.cards import load_cards
from m2l_bench.errors import UserError
from m2l_bench.probing.features import padded
from m2l_bench.probing.models import Model, models_to_probe
from m2l_bench.systems.embedding_runner import EmbeddingRunner


class MTEBModel:
    """An encoder of audio as mteb defines it (`mteb.models.EncoderProtocol`).

    A clip's vector is the one that probes get: the average over time of the model's vectors of the clip's mono audio.

    Args:
        model: what the metadata describes.
        runner: computes the vectors.
    """

    def __init__(self, model: Model, runner: EmbeddingRunner) -> None:
        self.runner = runner
        self.mteb_model_meta = model_meta(model, runner)

    def encode(
        self, inputs: Any, *, task_metadata: Any, hf_split: str, hf_subset: str, prompt_type: Any = None, **options: Any
    ) -> NDArray[np.float32]:
        """Compute the vectors (clips, dim) of the column `audio` of a data loader.

        Args:
            inputs: a data loader of batches with a list `audio` of items with `array` and `sampling_rate`; an array is
                (samples,) or (channels, samples).
            task_metadata, hf_split, hf_subset, prompt_type, options: not used; mteb gives them to every encoder.

        Raises:
            UserError: the task has no audio.
            BadClip: the network gave NaN or infinity.
        """
        vectors = []
        for batch in inputs:
            if "audio" not in batch:
                raise UserError(f"{task_metadata.name}: a task without audio; this model has vectors of audio only")
            for item in batch["audio"]:
                audio = np.atleast_2d(np.asarray(item["array"], np.float32))
                rate = int(item["sampling_rate"])
                mono = self.runner.prepare(padded(audio, rate, self.runner.embedding.minimum_seconds), rate)
                vectors.append(self.runner.embed_equal([mono])[0].mean(axis=0, dtype=np.float64).astype(np.float32))
        return np.stack(vectors)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Compute the cosine similarity of each vector of one set with each of another."""
        from mteb.similarity_functions import cos_sim

        return cos_sim(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Compute the cosine similarity of each vector of one set with its partner in another."""
        from mteb.similarity_functions import pairwise_cos_sim

        return pairwise_cos_sim(embeddings1, embeddings2)


def mteb_model(
    name: str,
    *,
    device: str = "cpu",
    weights_dir: str | PathLike[str] | None = None,
    cards: Sequence[str | PathLike[str]] = (),
) -> MTEBModel:
    """Load an embedding, or a codec with encoder features, as a model for `mteb.evaluate`.

    Needs `pip install 'm2l-bench[mteb]'`.

    Args:
        name: name of its card.
        device: a torch device, for example "cpu" or "cuda:0".
        weights_dir: a folder of weight files to look in first.
        cards: folders of further cards.

    Raises:
        UserError: there is no such model, it is not available on this machine, or mteb is not installed.

    Example:
        >>> mteb.evaluate(mteb_model("music2latent-mini"), mteb.get_tasks(["GTZANGenre"]))
    """
    (model,) = models_to_probe(load_cards([Path(folder) for folder in cards]), [name])
    return MTEBModel(model, model.load(device, Path(weights_dir) if weights_dir else None))


def model_meta(model: Model, runner: EmbeddingRunner) -> Any:
    """Describe a model as mteb does. The revision identifies code, options and weights, as in the runs of this package.

    Raises:
        UserError: mteb is not installed, or is older than 2.
    """
    try:
        from mteb.models import ModelMeta
        from mteb.types import Licenses
    except ImportError as error:
        raise UserError("mteb 2 is not installed: pip install 'm2l-bench[mteb]'") from error
    card = model.card
    licence = card.licence.weights.lower()
    known = {name for part in get_args(Licenses) for name in get_args(part) or (part,)}
    return ModelMeta(
        loader=None,
        name=f"m2l-bench/{card.name}",
        revision=runner.identity[:12],
        release_date=None,
        languages=None,
        n_parameters=None,
        memory_usage_mb=None,
        max_tokens=None,
        embed_dim=runner.dim,
        license=licence if licence in known else None,
        open_weights=None,
        public_training_code=None,
        public_training_data=None,
        framework=["PyTorch"],
        reference=card.source if card.source.startswith("https://") else None,
        similarity_fn_name="cosine",
        use_instructions=False,
        training_datasets=None,
        modalities=["audio"],
    )
