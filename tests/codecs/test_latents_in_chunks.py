"""Latents of published networks, with random weights, in the chunks of their cards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support.audio import music

from devtools.random_codecs import prepare
from m2l_bench.audio import Audio
from m2l_bench.cards import SystemCard
from m2l_bench.systems.latents_encoder import LatentsEncoder
from m2l_bench.systems.loading import load_runner


def encode(card: SystemCard, folder: Path, audio: Audio) -> list[np.ndarray]:
    """Latents of each stream."""
    assert card.latents
    encoder = LatentsEncoder(load_runner(card, weights_dir=folder), card.latents)
    (work,) = encoder.encode_all([encoder.prepare("file", audio, encoder.runner.codec.sample_rate)])
    assert not work.problem, work.problem
    return work.result()


def test_chunks_give_nearly_the_latents_of_the_whole(tmp_path: Path) -> None:
    """At the seams the layers of the autoencoder of Stable Audio Open see a little further than half an overlap."""
    card = prepare("stable-audio-open-vae", tmp_path)
    audio = music(2.2, channels=2)
    (parts,) = encode(card.model_copy(update={"chunk_seconds": 1.0, "overlap_seconds": 0.5}), tmp_path, audio)
    (whole,) = encode(card.model_copy(update={"chunk_seconds": None}), tmp_path, audio)
    assert parts.shape == whole.shape and not np.array_equal(parts, whole)
    np.testing.assert_allclose(parts, whole, atol=5e-3 * np.abs(whole).max())


def test_encodec_is_never_cut(tmp_path: Path) -> None:
    card = prepare("encodec-48k", tmp_path)
    audio = music(2.2, 48_000, channels=2)
    (parts,) = encode(card.model_copy(update={"chunk_seconds": 1.0, "overlap_seconds": 0.5}), tmp_path, audio)
    (whole,) = encode(card, tmp_path, audio)
    np.testing.assert_array_equal(parts, whole)
