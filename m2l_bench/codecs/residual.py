"""Base class of codecs with residual vector quantisation.

`encode` gives what is transmitted, the indices into the codebooks. So the rates in tables are the codec's own rates,
and the reconstructions are those of the quantised codec. `features` gives the encoder's output before quantisation,
which probes and generative models use. The number of codebooks is an option of the card: one network can appear at
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
    """A codec that uses the first `codebooks` of a network's codebooks.

    Args:
        model: the network, with `encode`, `decode` and `encoder` as in `transformers`.
        codebooks: number of codebooks to use.
        available_codebooks: number of codebooks of the network.
        codebook_size: number of entries of each codebook.

    Raises:
        ValueError: the network does not have this many codebooks.
    """

    channels = 1
    generator_per_item = True  # the decoder has no noise

    def __init__(self, model: Any, codebooks: int, available_codebooks: int, codebook_size: int) -> None:
        if not 1 <= codebooks <= available_codebooks:
            raise ValueError(f"codebooks is {codebooks}: expected 1 to {available_codebooks}")
        self.model = model
        self.codebooks = codebooks
        self.codebook_entries = codebook_size
        self.bits = math.ceil(math.log2(codebook_size))

    @classmethod
    def availability(cls, **_: object) -> Availability:
        return package_availability("transformers", "codecs")

    def to(self, device: str) -> None:
        self.model.to(device)

    def transmitted(self, latents: Tensor) -> Transmitted:
        """Count the codes and their bits, which are fewer than the 16 bits of the type that holds a code."""
        return Transmitted(latents.numel(), latents.numel() * self.bits)
