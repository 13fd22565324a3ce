"""Opus, Vorbis and MP3 through libsndfile: classical coders to compare with at the same size.

The bitstream takes the place of the latents, one byte per frame, so its size is measured like that of any codec.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

import numpy as np

from m2l_bench.adapter import Availability
from m2l_bench.codecs.base import Codec

if TYPE_CHECKING:
    from torch import Generator, Tensor

FORMATS = {"opus": ("OGG", "OPUS"), "vorbis": ("OGG", "VORBIS"), "mp3": ("MP3", "MPEG_LAYER_III")}
BLOCK = 1 << 20
"""Samples written at once: libsndfile's Vorbis encoder overflows its stack on a minute in one piece."""
LAME_DELAY = 576 + 529
"""Samples that LAME's encoder and a layer-III decoder add at the beginning; see `_decode`."""


class LossyCoder(Codec):
    """One of libsndfile's lossy coders, on stereo streams.

    Args:
        coder: "opus", "vorbis" or "mp3" (constant bitrate).
        compression_level: libsndfile's scale, from 0 (best quality) to 1 (smallest file).
        sample_rate: sample rate of the coder in Hz.
    """

    channels = 2
    deterministic = False  # Ogg streams carry a random serial number

    def __init__(self, coder: Literal["opus", "vorbis", "mp3"], compression_level: float, sample_rate: int) -> None:
        self.coder = coder
        self.compression_level = compression_level
        self.sample_rate = sample_rate

    @classmethod
    def availability(cls, coder: str = "", **_: object) -> Availability:
        """Tell whether the installed libsndfile has the coder."""
        import soundfile

        container, subtype = FORMATS[coder]
        if container in soundfile.available_formats() and subtype in soundfile.available_subtypes(container):
            return Availability()
        reason = f"libsndfile {soundfile.__libsndfile_version__} was built without {coder}"
        return Availability(reason, "pip install --upgrade soundfile")

    def encode(self, audio: Tensor) -> Tensor:
        """Encode (batch, 2, samples) to (batch, 1, bytes) uint8; shorter bitstreams end with zeros."""
        import torch

        streams = [torch.frombuffer(self._encode(stream.T.numpy()), dtype=torch.uint8) for stream in audio.cpu()]
        return torch.nn.utils.rnn.pad_sequence(streams, batch_first=True)[:, None, :]

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        """Decode (batch, 1, bytes) to (batch, 2, samples); steps and generator are ignored."""
        import torch

        return torch.stack([torch.from_numpy(self._decode(stream[0].numpy(), samples)) for stream in latents.cpu()])

    def _encode(self, audio: np.ndarray) -> bytearray:
        import soundfile

        container, subtype = FORMATS[self.coder]
        buffer = io.BytesIO()
        with soundfile.SoundFile(
            buffer,
            "w",
            self.sample_rate,
            self.channels,
            format=container,
            subtype=subtype,
            compression_level=self.compression_level,
            bitrate_mode="CONSTANT" if self.coder == "mp3" else None,
        ) as file:
            for start in range(0, len(audio), BLOCK):
                file.write(audio[start : start + BLOCK])
        return bytearray(buffer.getvalue())

    def _decode(self, bitstream: np.ndarray, samples: int) -> np.ndarray:
        """Decode one bitstream to (2, samples), without the padding that LAME adds.

        At low rates an MP3 frame is too small for LAME's tag, so the decoder does not know how much padding to cut.
        Then the decoded audio is longer than the original, and the delay to cut is LAME's constant.
        """
        import soundfile

        audio, _ = soundfile.read(io.BytesIO(bitstream.tobytes()), dtype="float32", always_2d=True)
        if self.coder == "mp3" and len(audio) > samples:
            audio = audio[LAME_DELAY:]
        return np.ascontiguousarray(audio[:samples].T)
