"""X-Codec at 16 kHz, whose codes hold what a network for meaning hears as well as the sound.

Source: Ye et al., Codec Does Matter: Exploring the Semantic Shortcoming of Codec for Audio Language Model,
arXiv:2408.17175, 2024. The network is that of `transformers`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.adapter import Availability
from m2l_bench.codecs.framing import whole_frames
from m2l_bench.codecs.pretrained import read_model
from m2l_bench.codecs.residual import ResidualCodec
from m2l_bench.weights.read import package_availability

if TYPE_CHECKING:
    from torch import Tensor

    from m2l_bench.music2latent.noise import Generators

EXPECTED = "X-Codec, as hf-audio/xcodec-hubert-general on the hub"


class XCodec(ResidualCodec):
    """X-Codec: one channel, one frame of codes for every 320 samples; a partial last frame is padded with zeros.

    HuBERT looks at all that is encoded at once, so codes depend on the length of chunks.

    Args:
        config: the model's `config.json`.
        checkpoint: the model's `model.safetensors`.
        codebooks: number of codebooks to use, 1 to 8. Each takes 10 bits per frame, which is 0.5 kb/s.
    """

    sample_rate = 16_000

    def __init__(self, config: Path, checkpoint: Path, codebooks: int = 8) -> None:
        from transformers import XcodecModel

        model = read_model(XcodecModel, config, checkpoint, {"sample_rate": self.sample_rate}, EXPECTED)
        super().__init__(model, codebooks, model.config.num_quantizers, model.config.codebook_size)

    @classmethod
    def availability(cls, **_: object) -> Availability:
        return package_availability("transformers", "codecs", first="4.56")

    def encode(self, audio: Tensor) -> Tensor:
        """Encode (batch, 1, samples) to codes (batch, codebooks, frames), int16."""
        whole = whole_frames(audio, self.model.config.hop_length)
        return self.model.encode(whole).audio_codes[:, : self.codebooks].short()

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generators | None = None) -> Tensor:
        """Decode (batch, codebooks, frames) to (batch, 1, frames * 320); steps and generator are ignored."""
        return self.model.decode(latents.long()).audio_values

    def features(self, audio: Tensor) -> Tensor:
        """Map (batch, 1, samples) to what is quantised, (batch, 1024, frames): sound and meaning in one."""
        outputs: list[Tensor] = []
        hook = self.model.fc.register_forward_hook(lambda layer, inputs, output: outputs.append(output))
        try:
            self.encode(audio)
        finally:
            hook.remove()
        return outputs[0].mT
