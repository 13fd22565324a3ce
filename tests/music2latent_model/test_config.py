"""Presets, switches and the configuration's own text form."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from m2l_bench.music2latent import PRESETS, Config
from m2l_bench.music2latent.networks import Networks


def test_ratios_of_the_paper() -> None:
    for config in (PRESETS["paper"], PRESETS["official"], PRESETS["small"]):
        assert config.samples_per_latent == 4096
        assert config.latent_channels == 64
        assert config.bins == 1024
    assert PRESETS["paper"].feature_channels == PRESETS["official"].feature_channels == 8192


def test_small_has_12_to_16_million_parameters() -> None:
    assert 12e6 < sum(parameter.numel() for parameter in Networks(PRESETS["small"]).parameters()) < 16e6


@pytest.mark.parametrize("name", PRESETS)
def test_json_round_trip(name: str) -> None:
    for config in (
        PRESETS[name],
        PRESETS[name].without_frequency_attention(),
        PRESETS[name].without_frequency_scaling(),
    ):
        assert Config.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"downsampling": ["both"]}, "5 levels need 4 entries in downsampling, got 1"),
        ({"downsampling": ["time", "both", "both", "both"]}, "expected 'frequency' or 'both'"),
        ({"attention_levels": [5]}, "outside 0 to 4"),
        ({"attention_heads": 7}, "divisible by 7 heads"),
        ({"hop": 10}, "20 frequency bins cannot be divided by 32"),
        ({"alpha": 1.5}, "alpha 1.5"),
        ({"sigma_min": 100.0}, "sigma_min 100.0"),
        ({"colour": 1}, "unknown field 'colour'"),
        ({"hop": "512"}, "field 'hop' holds '512': expected int"),
        ({"frequency_scaling": 1}, "expected bool"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config.from_json(json.dumps(asdict(Config()) | change))


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Config.from_json(text)
