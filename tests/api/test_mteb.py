"""Models as encoders of mteb. The tests need `pip install 'm2l-bench[mteb]'`, except that of the message without it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.toy_embedding import CARD

import m2l_bench as mb
from m2l_bench.api.mteb import MTEBModel
from m2l_bench.errors import UserError

RATE = 16_000


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    (tmp_path / "toy.yaml").write_text(CARD)
    return tmp_path


@pytest.fixture
def model(cards: Path) -> MTEBModel:
    pytest.importorskip("mteb")
    return mb.mteb_model("toy", cards=[cards])


def notes(count: int) -> dict[str, list[Any]]:
    """Loud and soft noise in turn, of two lengths, the second shorter than the model's window."""
    rng = np.random.default_rng(0)
    audio = [
        {"array": rng.uniform(-1, 1, RATE // (2 if i % 4 < 2 else 8)) * (0.8, 0.1)[i % 2], "sampling_rate": RATE}
        for i in range(count)
    ]
    return {"audio": audio, "label": [i % 2 for i in range(count)]}


def test_a_task_of_mteb(model: MTEBModel, tmp_path: Path) -> None:
    import mteb
    from datasets import Dataset, DatasetDict
    from mteb.abstasks.classification import AbsTaskClassification
    from mteb.abstasks.task_metadata import TaskMetadata

    class Levels(AbsTaskClassification):
        metadata = TaskMetadata(
            name="Levels",
            description="Loud or soft",
            reference="https://example.org",
            dataset={"path": "none", "revision": "1"},
            type="AudioClassification",
            category="a2c",
            eval_splits=["test"],
            eval_langs=["zxx-Zxxx"],
            main_score="accuracy",
            date=("2026-01-01", "2026-01-02"),
            domains=["Music"],
            task_subtypes=[],
            license="mit",
            annotations_creators="derived",
            dialect=[],
            modalities=["audio"],
            sample_creation="created",
            bibtex_citation="",
        )
        input_column_name = "audio"
        n_experiments = 1

        def load_data(self, **options: Any) -> None:
            self.dataset = DatasetDict({name: Dataset.from_dict(notes(16)) for name in ("train", "test")})
            self.data_loaded = True

    cache = mteb.ResultCache(tmp_path / "results")
    (result,) = mteb.evaluate(model, [Levels()], cache=cache, co2_tracker=False).task_results
    assert result.get_score() == 1.0
    assert list((tmp_path / "results").rglob(f"m2l-bench__toy/{model.mteb_model_meta.revision}/Levels.json"))


def test_vectors_are_averages_over_time_of_mono_audio(model: MTEBModel) -> None:
    left, right = np.random.default_rng(0).uniform(-0.5, 0.5, (2, RATE)).astype(np.float32)
    items = [{"array": array, "sampling_rate": RATE} for array in (np.stack([left, right]), left[:100])]
    vectors = model.encode([{"audio": items}], task_metadata=None, hf_split="test", hf_subset="default")
    frames = model.runner.embed((left + right)[None] / 2, RATE)
    np.testing.assert_allclose(vectors[0], frames.mean(axis=0), rtol=1e-5)
    assert vectors.shape == (2, 3) and model.similarity(vectors, vectors).shape == (2, 2)


def test_what_mteb_knows_of_the_model(model: MTEBModel) -> None:
    from mteb.models import EncoderProtocol

    meta = model.mteb_model_meta
    assert isinstance(model, EncoderProtocol) and meta.name == "m2l-bench/toy" and meta.modalities == ["audio"]
    assert meta.embed_dim == 3 and model.runner.identity.startswith(meta.revision)


def test_a_task_without_audio_is_refused(model: MTEBModel) -> None:
    class Metadata:
        name = "Texts"

    with pytest.raises(UserError, match="Texts: a task without audio"):
        model.encode([{"text": ["a"]}], task_metadata=Metadata(), hf_split="test", hf_subset="default")


def test_without_mteb(cards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mteb.models", None)
    monkeypatch.setitem(sys.modules, "mteb", None)
    with pytest.raises(UserError, match=r"mteb 2 is not installed: pip install 'm2l-bench\[mteb\]'"):
        mb.mteb_model("toy", cards=[cards])
