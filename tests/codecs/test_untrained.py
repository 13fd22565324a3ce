from __future__ import annotations

import pytest
import torch
from support.audio import music

from m2l_bench.cards import load_cards
from m2l_bench.codecs.music2latent import UntrainedMusic2LatentCodec
from m2l_bench.errors import UserError


def test_the_decoder_hears_its_latents_and_the_seed_decides_the_weights() -> None:
    first, again, other = (UntrainedMusic2LatentCodec("tiny", seed) for seed in (0, 0, 1))
    clip = torch.from_numpy(music(0.5)[None])
    latents = first.encode(clip)
    assert torch.equal(latents, again.encode(clip)) and not torch.equal(latents, other.encode(clip))
    decoded = [
        first.decode(version, clip.shape[-1], generator=torch.Generator().manual_seed(0))
        for version in (latents, latents + 0.5)
    ]
    assert not torch.allclose(*decoded)


def test_the_card_is_not_among_all_systems() -> None:
    cards = load_cards()
    card = cards.system("mini-untrained")
    assert card not in cards.all_systems and cards.system("mel-pca") not in cards.all_systems
    assert cards.system("music2latent-mini") in cards.all_systems
    assert card.options["preset"] == "mini"


def test_no_such_preset() -> None:
    with pytest.raises(UserError, match="no preset 'huge'"):
        UntrainedMusic2LatentCodec("huge")
