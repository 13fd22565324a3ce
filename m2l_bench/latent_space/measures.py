"""The title and the unit of each measure, and which values are better for training a generator on the latents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

VERSION = "1"
"""Version of the numbers. Raise it when a measure begins to give others: systems are then measured again."""
Better = Literal["higher", "lower", "zero", "neither"]
SIGNS: dict[Better, str] = {"higher": " ↑", "lower": " ↓", "zero": " →0", "neither": ""}
MEL = "mel distance"
NOISE_LEVELS = (0.05, 0.1, 0.2, 0.5)
"""Standard deviations of the noise on latents, in units of the standard deviation of each channel."""
ROUNDS = (1, 2, 4, 8)
"""Rounds of encoding and decoding after which drift is measured."""
FRACTIONS = {"half": 2, "quarter": 4}
"""Shifts: one frame divided by these numbers."""


@dataclass(frozen=True)
class Measure:
    """A number about the latents of a system."""

    family: Literal["distribution", "time", "linearity", "robustness", "codes"]
    title: str
    unit: str
    better: Better
    decimals: int = 3
    short: str = ""
    """Title in tables and figures, for the measures that these show."""

    @property
    def header(self) -> str:
        """Header of its column, with an arrow that points to better values."""
        return f"{self.short or self.title}{SIGNS[self.better]}"


MEASURES: dict[str, Measure] = {
    "mean": Measure("distribution", "Mean of all numbers", "", "neither"),
    "deviation": Measure("distribution", "Standard deviation of all numbers", "", "neither"),
    "skewness": Measure("distribution", "Skewness of all numbers", "", "zero"),
    "kurtosis": Measure("distribution", "Excess kurtosis of all numbers", "", "zero"),
    "gaussian_distance": Measure(
        "distribution", "Sliced Wasserstein distance to a Gaussian", "standard deviations", "lower", 3, "From Gaussian"
    ),
    "gaussian_floor": Measure(
        "distribution", "The same distance of as many Gaussian draws", "standard deviations", "neither"
    ),
    "effective_rank": Measure("distribution", "Effective rank", "channels", "neither", 1, "Effective rank"),
    "dead_channels": Measure("distribution", "Dead channels", "channels", "lower", 0),
    "autocorrelation": Measure("time", "Autocorrelation at lag 1", "", "neither"),
    "spectral_slope": Measure("time", "Slope of the power spectrum over time", "", "neither", 2),
    "predictability": Measure(
        "time", "Bits that the last frames tell of the next", "bits per frame", "higher", 1, "Predictable bits"
    ),
    **{
        f"shift_{name}": Measure(
            "time",
            f"Change of latents by a shift of 1/{part} frame",
            "relative",
            "lower",
            3,
            "Shift error" if part == 2 else "",
        )
        for name, part in FRACTIONS.items()
    },
    **{
        f"shift_{name}_mel": Measure("time", f"Change of decoded audio by a shift of 1/{part} frame", MEL, "lower")
        for name, part in FRACTIONS.items()
    },
    "gain_error": Measure("linearity", "Error of E(x/2) = E(x)/2", "relative", "lower"),
    "additivity_error": Measure(
        "linearity", "Error of E(x + y) = E(x) + E(y)", "relative", "lower", 3, "Additivity error"
    ),
    "midpoint_mel": Measure("linearity", "Decoded midpoint of two clips against their mix", MEL, "lower"),
    "mix_mel": Measure("linearity", "Encoded and decoded mix against the mix", MEL, "lower"),
    **{
        f"noise_{level:g}_mel": Measure(
            "robustness",
            f"Noise of {level:g} standard deviations on latents",
            MEL,
            "lower",
            3,
            "Noise 0.1" if level == 0.1 else "",
        )
        for level in NOISE_LEVELS
    },
    "dropped_mel": Measure("robustness", "One channel in ten replaced by its mean", MEL, "lower"),
    "float16_mel": Measure("robustness", "Latents stored as float16", MEL, "lower"),
    "int8_mel": Measure("robustness", "Latents stored as int8", MEL, "lower"),
    **{
        f"drift_{rounds}_mel": Measure(
            "robustness",
            f"Original against round {rounds} of encoding and decoding",
            MEL,
            "lower",
            3,
            {1: "Reconstruction", 8: "After 8 rounds"}.get(rounds, ""),
        )
        for rounds in ROUNDS
    },
    "usage": Measure("codes", "Entries of codebooks that occur", "share", "higher"),
    "entropy": Measure("codes", "Entropy of codes, mean over codebooks", "bits per code", "neither", 2),
    "perplexity": Measure("codes", "Perplexity of codes, mean over codebooks", "entries", "neither", 1),
    "stable_codes": Measure("codes", "Equal codes after a shift of one sample", "share", "higher", 3),
}
SHOWN = (
    "gaussian_distance",
    "effective_rank",
    "predictability",
    "shift_half",
    "additivity_error",
    "noise_0.1_mel",
    "drift_1_mel",
)
"""The measures that tell most, which tables show."""
DRAWN = (*SHOWN, "drift_8_mel")
"""Those that figures show."""
