"""KVAE-Audio at 48 kHz.

Source: KVAE: Family of Tokenizers for Multimodal Generative Models, arXiv:2608.05798, 2026. The network is
`AutoencoderKLKVAEAudio` of `diffusers`.
"""

from __future__ import annotations

from m2l_bench.codecs.diffusers_autoencoder import DiffusersAutoencoder

EXPECTED = "an AutoencoderKLKVAEAudio of one channel, as kandinskylab/KVAE-Audio, diffusers/, on the hub"


class KvaeAudio(DiffusersAutoencoder):
    """KVAE-Audio: one channel, 64 numbers for every 960 samples at 48 kHz.

    Between encoder and latents is a layer of attention over the whole of what is encoded at once, so latents depend on
    the length of chunks.
    """

    channels = 1
    network = "AutoencoderKLKVAEAudio"
    channels_key, rate_key = "num_channels", "sample_rate"
    expected = EXPECTED
    first_version = "0.42"
