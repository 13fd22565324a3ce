"""Every codec of the cards with random weights, in the files that `m2l-bench weights get` would fetch."""

from __future__ import annotations

from pathlib import Path

import torch

from devtools.musika_files import write_published_size
from devtools.random_networks import random_network
from m2l_bench.cards import SystemCard, load_cards
from m2l_bench.music2latent import PRESETS, Config, checkpoint
from m2l_bench.music2latent.hub import WEIGHTS
from m2l_bench.music2latent.networks import Networks
from m2l_bench.systems.adapters import adapter_class
from m2l_bench.systems.loading import RECORDED

CARDS = load_cards().systems
NOT_NARROW = [name for name, card in CARDS.items() if card.adapter in ("mousai", "codicodec")]
"""Codecs whose files do not state the sizes of their networks: their tests make the networks narrow from within."""
WITHOUT_PACKAGE = {
    name: state
    for name, card in CARDS.items()
    if card.adapter != RECORDED and not (state := adapter_class(card).availability(**card.options))
}
"""Systems that cannot be made here, and why: a package is not installed."""
CODECS = [
    name
    for name, card in CARDS.items()
    if card.kind != "anchor" and card.adapter != RECORDED and name not in (*NOT_NARROW, *WITHOUT_PACKAGE)
]
WITH_WEIGHTS = [name for name in CODECS if any(not file.shipped for file in CARDS[name].weights.values())]
NARROW_LATENTS = {"kvae-audio": 4, "oobleck": 4, "oobleck-48k": 4, "same-small": 8, "same-large": 8}
"""Width of latents by network, where the narrow one has other latents than the published one."""

NARROW_OPTIONS = {"dacvae": {"encoder": 4, "decoder": 96}, "ear-vae": {"width": 8}}
"""Options by network, where the files do not state how narrow the network is."""


def prepare(name: str, folder: Path, published: bool = False) -> SystemCard:
    """Write a system's files of weights into `folder`; returns its card without the hashes of the published files.

    Args:
        published: networks of the published width, in place of narrow ones.
    """
    card = CARDS[name]
    if name == "music2latent":
        return _music2latent(card, folder, published)
    if name not in (*WITH_WEIGHTS, *NOT_NARROW):
        return card
    network = network_of(card)
    first = next(iter(card.weights.values()))
    into = folder / first.repository.rpartition("/")[2] / Path(first.filename).parent
    if network == "musika":  # of the published size in any case
        write_published_size(into)
    else:
        random_network(network, published).save_pretrained(into)
    weights = {key: file.model_copy(update={"sha256": ""}) for key, file in card.weights.items()}
    latents = card.latents
    if latents is not None and network in NARROW_LATENTS and not published:
        latents = latents.model_copy(update={"width": NARROW_LATENTS[network]})
    options = card.options if published else card.options | NARROW_OPTIONS.get(network, {})
    return card.model_copy(update={"weights": weights, "latents": latents, "options": options})


def network_of(card: SystemCard) -> str:
    """Name of a card's network in `random_networks.NETWORKS`: its adapter's, or its form's where there are two."""
    forms = {
        "ace-step-1.5-vae": "oobleck-48k",
        "agc-continuous": "agc-continuous",
        "agc-discrete": "agc-discrete",
        "same-l": "same-large",
        "same-s": "same-small",
        "snac-32k": "snac-32k",
    }
    return forms.get(card.name) or card.adapter.split(":")[0].rpartition(".")[2]


NEARLY_OTHERS = ("agc-continuous", "snac-32k")
"""Codecs whose networks differ from others only in the quantisation or in the sample rate."""
FAMILIES = [*{network_of(CARDS[name]): name for name in reversed(CODECS) if name not in NEARLY_OTHERS}.values()]
"""One card for each network, where one is enough."""


def _music2latent(card: SystemCard, folder: Path, published: bool) -> SystemCard:
    """Fill tensors that start at zero, or most of the network would do nothing."""
    config = PRESETS["official"] if published else Config(base_channels=4, bottleneck_channels=32, noise_channels=32)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        networks = Networks(config).eval()
        for parameter in networks.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.02)
    checkpoint.save(networks, folder / card.name)
    file = card.weights["weights"].model_copy(update={"filename": WEIGHTS, "sha256": ""})
    return card.model_copy(update={"weights": {"weights": file}})
