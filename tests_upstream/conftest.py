"""The packages that others measure with, on random weights in the published formats and small folders of audio.

Nothing is fetched: where the packages ask the Hugging Face hub for a text tower, which takes no part in an embedding of
audio, they get a small random one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch

from devtools import cpu_compat

os.environ["HF_HUB_OFFLINE"] = "1"
KEPT = cpu_compat.install()


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.hub asks GitHub for a branch's name, and takes what it has when there is no answer."""

    def no_answer(*_: object, **__: object) -> None:
        raise URLError("the tests fetch nothing")

    monkeypatch.setattr(torch.hub, "urlopen", no_answer)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of torch.hub that `upstream_fad` uses."""
    monkeypatch.setenv("M2L_BENCH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "cache" / "upstream"
    (folder / "checkpoints").mkdir(parents=True)
    return folder


@pytest.fixture
def recorded(laion_clap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Fills with the embeddings that frechet-audio-distance makes of the reference and of the evaluated folder."""
    from frechet_audio_distance import FrechetAudioDistance

    seen: list[np.ndarray] = []
    get_embeddings = FrechetAudioDistance.get_embeddings

    def record(self: FrechetAudioDistance, *args: Any, **options: Any) -> np.ndarray:
        seen.append(get_embeddings(self, *args, **options))
        return seen[-1]

    monkeypatch.setattr(FrechetAudioDistance, "get_embeddings", record)
    return seen


@pytest.fixture(scope="module")
def laion_clap() -> Iterator[ModuleType]:
    """Imports laion-clap, which asks the hub for three tokenizers on the way."""
    from transformers import PreTrainedTokenizerBase, RobertaConfig, RobertaModel

    def small(*_: object, **__: object) -> RobertaModel:
        return RobertaModel(RobertaConfig(vocab_size=32, num_hidden_layers=1))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PreTrainedTokenizerBase, "from_pretrained", lambda *_, **__: None)
        patch.setattr(RobertaModel, "from_pretrained", small)
        import laion_clap

        yield laion_clap
