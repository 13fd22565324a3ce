"""The variational autoencoder of Stable Audio Open.

Source: Evans et al., Stable Audio Open, arXiv:2407.14358, 2024. The network is `AutoencoderOobleck` of `diffusers`.
"""

from __future__ import annotations

from m2l_bench.codecs.diffusers_autoencoder import DiffusersAutoencoder

EXPECTED = "an AutoencoderOobleck of two channels, as stabilityai/stable-audio-open-1.0, vae/, on the hub"


class Oobleck(DiffusersAutoencoder):
    """The autoencoder of Stable Audio Open, and others of its structure: two channels at any sample rate.

    Stable Audio Open's has 64 numbers for every 2,048 samples, ACE-Step 1.5's for every 1,920.
    """

    channels = 2
    network = "AutoencoderOobleck"
    channels_key, rate_key = "audio_channels", "sampling_rate"
    expected = EXPECTED
