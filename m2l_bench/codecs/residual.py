"""What codecs with residual vector quantisation share.

Their `encode` gives what is transmitted, the indices into the codebooks, so that the rates of a table are the codec's
own and its reconstructions those of the quantised codec. What a probe or a generative model sees, the encoder's output
before quantisation, is their `features`. The number of codebooks is an option of the card: one network can appear at
several rates, and its features are the same at all of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from m2l_bench.adapter import Availability
from m2l_bench.codecs.base import Codec, Transmitted
from m2l_bench.weights.read import package_availability

if TYPE_CHECKING:
    from torch import Tensor


class ResidualCodec(Codec):
    """Base of the adapters.

    Args:
        model: the network, with `encode`, `decode` and `encoder` as in `transformers`.
        codebooks: how many are used, the first that many.
        of: how many there are.
        codebook_size: entries of each.

    Raises:
        ValueError: there are not that many codebooks.
    """

    channels = 1

    def __init__(self, model: Any, codebooks: int, of: int, codebook_size: int) -> None:
        if not 1 <= codebooks <= of:
            raise ValueError(f"codebooks is {codebooks}: expected 1 to {of}")
        self.model = model
        self.codebooks = codebooks
        self.bits = math.ceil(math.log2(codebook_size))

    @classmethod
    def availability(cls, **_: object) -> Availability:
        return package_availability("transformers", "codecs")

    def to(self, device: str) -> None:
        self.model.to(device)

    def transmitted(self, latents: Tensor) -> Transmitted:
        """Count the codes and their bits, which are fewer than the 16 of the type that holds them."""
        return Transmitted(latents.numel(), latents.numel() * self.bits)
