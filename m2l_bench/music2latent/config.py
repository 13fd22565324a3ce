"""Every hyperparameter of the representation and the networks, named as in the paper, with five presets.

Sections of the paper (Pasini, Lattner, Fazekas, ISMIR 2024) are given beside each field; "published" means that the
paper does not say it and the value is that of the authors' published package. The trainer has its own hyperparameters.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

MOST_LEVELS = 16
LIMITS = {
    "sample_rate": (1, 1_000_000),
    "hop": (1, 65_536),
    "latent_channels": (1, 65_536),
    "base_channels": (1, 65_536),
    "channel_multipliers": (1, 1_024),
    "unet_blocks": (0, 256),
    "autoencoder_blocks": (0, 256),
    "attention_levels": (0, MOST_LEVELS),
    "attention_heads": (1, 1_024),
    "bottleneck_channels": (1, 65_536),
    "bottleneck_blocks": (0, 256),
    "noise_channels": (1, 65_536),
}
"""The least and the most of each number. Whether a file of weights is that large is checked without taking memory."""
Downsampling = Literal["frequency", "both"]


@dataclass(frozen=True)
class Config:
    """A Music2Latent model. Lists run from the finest level (the spectrogram's resolution) to the coarsest.

    Raises:
        ValueError: fields that do not fit together; the message says which.
    """

    # Audio representation, Section 4.1
    sample_rate: int = 44_100
    """Hz. The networks never see it: audio at 48 kHz may be encoded as it is (Section 5.1)."""
    hop: int = 512
    """Samples from one STFT frame to the next; the window has four times as many, and `2 * hop` bins are kept."""
    alpha: float = 0.65
    """Compression exponent of Eq. 5 (published)."""
    beta: float = 0.35
    """Amplitude scale of Eq. 5; the published weights were trained with 0.34."""

    # Networks, Sections 4.2 and 4.4
    latent_channels: int = 64
    """d_lat."""
    base_channels: int = 64
    channel_multipliers: tuple[int, ...] = (1, 2, 4, 4, 4)
    downsampling: tuple[Downsampling, ...] = ("frequency", "both", "both", "both")
    """Between levels: "frequency" divides it by 4 and leaves time, "both" halves both (published)."""
    unet_blocks: int = 2
    """Residual blocks in each level of each branch of the consistency model."""
    autoencoder_blocks: int = 1
    """Residual blocks in each level of the encoder and of the decoder."""
    attention_levels: tuple[int, ...] = (2, 3, 4)
    """Levels with frequency-wise self-attention (Eq. 8)."""
    attention_heads: int = 4
    bottleneck_channels: int = 512
    bottleneck_blocks: int = 4
    noise_channels: int = 256
    """Width of the noise level's embedding and of the networks that read it."""
    frequency_scaling: bool = True
    """Adaptive frequency scaling (Eq. 6 and 7), and the encoder's constant gain for each frequency (published)."""
    unused_noise_projections: bool = True
    """The published decoder's bottleneck blocks hold a noise projection that nothing calls: 526,336 zeros, kept
    (frozen) so that checkpoints and parameter counts are the published ones."""

    # Consistency model, Sections 3.1, 4.3 and 4.4
    sigma_min: float = 0.002
    sigma_max: float = 80.0
    sigma_data: float = 0.5
    rho: float = 7.0
    """Curvature of the noise levels (Eq. 14)."""

    def __post_init__(self) -> None:
        self._check_limits()
        levels = len(self.channel_multipliers)
        if len(self.downsampling) != levels - 1:
            raise ValueError(f"{levels} levels need {levels - 1} entries in downsampling, got {len(self.downsampling)}")
        if set(self.downsampling) - {"frequency", "both"}:
            raise ValueError(f"downsampling holds {self.downsampling}: expected 'frequency' or 'both'")
        if self.bins % self.frequency_ratio:
            raise ValueError(f"{self.bins} frequency bins cannot be divided by {self.frequency_ratio}")
        if any(not 0 <= level < levels for level in self.attention_levels):
            raise ValueError(f"attention_levels {self.attention_levels} name levels outside 0 to {levels - 1}")
        if any(self.channels(level) % self.attention_heads for level in self.attention_levels):
            raise ValueError(f"attention needs channels divisible by {self.attention_heads} heads")
        if not 0 < self.alpha <= 1 or self.beta <= 0:
            raise ValueError(f"alpha {self.alpha} must be in (0, 1] and beta {self.beta} above 0")
        if not 0 < self.sigma_min < self.sigma_max:
            raise ValueError(f"sigma_min {self.sigma_min} must be between 0 and sigma_max {self.sigma_max}")

    def _check_limits(self) -> None:
        """Refuse numbers that no network has, before anything of that size is built."""
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            for number in value if isinstance(value, tuple) else (value,):
                if type(number) is not int or not least <= number <= most:
                    raise ValueError(f"{name} holds {number!r}: expected a whole number from {least:,} to {most:,}")
        if not 1 <= len(self.channel_multipliers) <= MOST_LEVELS:
            raise ValueError(f"{len(self.channel_multipliers)} levels: expected 1 to {MOST_LEVELS}")
        for name in ("alpha", "beta", "sigma_min", "sigma_max", "sigma_data", "rho"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{name} is {getattr(self, name)}: expected a finite number")

    @property
    def levels(self) -> int:
        return len(self.channel_multipliers)

    @property
    def window(self) -> int:
        """Samples of an STFT window."""
        return 4 * self.hop

    @property
    def bins(self) -> int:
        """Frequency bins of the representation: the Nyquist bin is dropped (published)."""
        return 2 * self.hop

    @property
    def frames_per_latent(self) -> int:
        """STFT frames per latent vector: 8."""
        return 1 << self.downsampling.count("both")

    @property
    def samples_per_latent(self) -> int:
        """Time compression ratio: 4,096."""
        return self.frames_per_latent * self.hop

    @property
    def frequency_ratio(self) -> int:
        """Bins of the representation divided by those of the coarsest level."""
        return (1 << 2 * self.downsampling.count("frequency")) * self.frames_per_latent

    @property
    def feature_channels(self) -> int:
        """Width of the encoder's widest layer, which Section 5.5 probes: 8,192."""
        return self.channels(self.levels - 1) * (self.bins // self.frequency_ratio)

    def channels(self, level: int) -> int:
        """Return the channels of feature maps at a level."""
        return self.base_channels * self.channel_multipliers[level]

    def without_frequency_attention(self) -> Config:
        """The base model of Table 3: no attention; to make up for its parameters the coarsest level, 4 times as wide as
        the finest in the paper, is 5 times as wide (Section 5.4)."""
        *finer, coarsest = self.channel_multipliers
        return replace(self, attention_levels=(), channel_multipliers=(*finer, coarsest * 5 // 4))

    def without_frequency_scaling(self) -> Config:
        """Table 3's models without adaptive frequency scaling."""
        return replace(self, frequency_scaling=False)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Config:
        """Read what `to_json` wrote.

        Raises:
            ValueError: not JSON, unknown or wrongly typed fields.
        """
        try:
            content = json.loads(text)
        except RecursionError as error:
            raise ValueError("too deeply nested") from error
        if not isinstance(content, dict):
            raise ValueError("expected a JSON object")
        known = {field.name: getattr(Config, field.name) for field in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in content.items():
            if name not in known:
                raise ValueError(f"unknown field '{name}'")
            default = known[name]
            value = tuple(value) if isinstance(value, list) else value
            if type(value) is not type(default) and not (isinstance(default, float) and type(value) is int):
                raise ValueError(f"field '{name}' holds {value!r}: expected {type(default).__name__}")
            values[name] = value
        return cls(**values)


PRESETS: dict[str, Config] = {
    "paper": Config(),
    "official": Config(beta=0.34),
    "small": Config(base_channels=32, bottleneck_channels=256, noise_channels=256, unused_noise_projections=False),
    "mini": Config(
        base_channels=8,
        channel_multipliers=(1, 2, 6, 12, 16),
        unet_blocks=1,
        attention_levels=(3, 4),
        bottleneck_channels=256,
        bottleneck_blocks=2,
        noise_channels=128,
        unused_noise_projections=False,
    ),
    "tiny": Config(
        hop=128,
        base_channels=16,
        unet_blocks=1,
        bottleneck_channels=64,
        noise_channels=64,
        unused_noise_projections=False,
    ),
}
"""paper: Sections 3 to 4.4. official: the published checkpoint. small, mini: the same representation and ratio in
smaller networks; two cores can train mini. tiny: to try training on a laptop; 1,024 times fewer latent vectors than
samples."""

PUBLISHED_LATENT_SCALE = 0.06
"""The authors' package divides latents by this, so that their standard deviation is about one."""
