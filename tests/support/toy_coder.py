"""Coders of `m2l_bench.latent_space` whose properties are known: they cut audio into frames of 64 samples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

FRAME = 64


def unchanged(array: np.ndarray) -> np.ndarray:
    return array


class Framed:
    """A coder of one channel at 44.1 kHz. A frame of latents is `forward` of 64 samples, and `backward` undoes it."""

    sample_rate, frame = 44_100, FRAME

    def __init__(
        self,
        forward: Callable[[np.ndarray], np.ndarray] = unchanged,
        backward: Callable[[np.ndarray], np.ndarray] = unchanged,
    ) -> None:
        self.forward, self.backward = forward, backward

    def encode(self, audio: np.ndarray) -> np.ndarray:
        padded = np.pad(audio[0], (0, -audio.shape[1] % FRAME))
        return self.forward(padded.reshape(-1, FRAME).T)

    def decode(self, latents: np.ndarray, samples: int) -> np.ndarray:
        return self.backward(latents).T.reshape(1, -1)[:, :samples].astype(np.float32)

    def codes(self, latents: np.ndarray) -> np.ndarray:
        return latents


def rotation(seed: int = 0) -> np.ndarray:
    """A random orthogonal matrix (64, 64)."""
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((FRAME, FRAME)))[0]


def rotated() -> Framed:
    matrix = rotation()
    return Framed(lambda frames: matrix @ frames, lambda latents: matrix.T @ latents)


def affine() -> Framed:
    """Scales by three and adds one."""
    return Framed(lambda frames: 3 * frames + 1, lambda latents: (latents - 1) / 3)


def squared() -> Framed:
    return Framed(np.square, lambda latents: np.sqrt(np.maximum(latents, 0)))


def fading() -> Framed:
    """Loses half of the amplitude in each round."""
    return Framed(unchanged, lambda latents: latents / 2)


def deaf() -> Framed:
    """Decodes everything to the same audio."""
    return Framed(unchanged, lambda latents: 0 * latents + 0.1)
