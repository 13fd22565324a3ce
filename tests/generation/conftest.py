"""A tiny card, and latents for it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support.generation import TINY, write_latents

from m2l_bench.generation.card import GeneratorCard
from m2l_bench.generation.crops import Music


@pytest.fixture
def tiny() -> GeneratorCard:
    return GeneratorCard.model_validate(yaml.safe_load(TINY))


@pytest.fixture
def music(tmp_path: Path, tiny: GeneratorCard) -> Music:
    return Music(write_latents(tmp_path / "latents"), tiny.seconds, 20)
