"""A colour and a marker for each system, the same in every figure.

Colours are from palettes that colour-blind readers can tell apart (Okabe and Ito 2008; Tol 2021, "muted"). There are
more systems than such colours, so a colour means a family and a marker its member: no meaning depends on colour alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

BLACK, GREY, SILVER = "#000000", "#666666", "#999999"
BLUE, SKY, GREEN, ORANGE, VERMILLION, PINK = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7"
INDIGO, TEAL, OLIVE, WINE, ROSE = "#332288", "#44AA99", "#999933", "#882255", "#CC6677"
FREE_COLOURS = (INDIGO, ROSE, TEAL, WINE, OLIVE, BLUE, VERMILLION, GREEN)
FREE_MARKERS = ("p", ">", "d", "8")
"""Markers for systems that are not listed below; no listed system has one of these."""


@dataclass(frozen=True)
class Look:
    """Colour as #RRGGBB, and marker as in matplotlib."""

    colour: str
    marker: str


KNOWN = {
    "music2latent": Look(BLUE, "o"),
    "music2latent-small": Look(SKY, "o"),
    "music2latent-mini": Look(BLUE, "D"),
    "mini-untrained": Look(SILVER, "D"),
    "mel-pca": Look(GREEN, "s"),
    "musika": Look(ORANGE, "^"),
    "latmusic": Look(PINK, "D"),
    "mousaiv2": Look(GREEN, "v"),
    "mousaiv3": Look(SKY, "<"),
    "dac": Look(VERMILLION, "s"),
    "dac-6": Look(VERMILLION, "^"),
    "dac-4": Look(VERMILLION, "D"),
    "dac-3": Look(VERMILLION, "v"),
    "dac-2": Look(VERMILLION, "<"),
    "encodec-48k": Look(INDIGO, "^"),
    "encodec-48k-8": Look(INDIGO, "D"),
    "encodec-48k-4": Look(INDIGO, "v"),
    "encodec-48k-2": Look(INDIGO, "<"),
    "mimi": Look(WINE, "h"),
    "mimi-32": Look(WINE, "X"),
    "xcodec": Look(WINE, "o"),
    "stable-audio-open-vae": Look(OLIVE, "s"),
    "stable-audio-vae": Look(OLIVE, "D"),
    "ace-step-1.5-vae": Look(OLIVE, "^"),
    "agc-continuous": Look(PINK, "s"),
    "agc-discrete": Look(PINK, "o"),
    "ear-vae": Look(OLIVE, "v"),
    "ear-vae2": Look(OLIVE, "<"),
    "dacvae": Look(VERMILLION, "o"),
    "kvae-audio": Look(ROSE, "^"),
    "snac-44k": Look(SKY, "s"),
    "snac-32k": Look(SKY, "D"),
    "same-s": Look(ROSE, "o"),
    "same-l": Look(ROSE, "s"),
    "codicodec": Look(BLUE, "X"),
    "codicodec-2.38k": Look(BLUE, "^"),
    "codicodec-ar": Look(BLUE, "v"),
    "music2latent2": Look(BLUE, "s"),
    "lin-cae": Look(TEAL, "o"),
    "lin-cae-2": Look(TEAL, "s"),
    "lin-cae-m2l": Look(TEAL, "D"),
    "opus-12k": Look(TEAL, "v"),
    "opus-24k": Look(TEAL, "^"),
    "mp3-32k": Look(ROSE, "D"),
    "vorbis-64k": Look(OLIVE, "o"),
    "lowpass-3.5k": Look(SILVER, "v"),
    "lowpass-7k": Look(GREY, "^"),
    "reference": Look(BLACK, "*"),
}


def looks(names: Iterable[str]) -> dict[str, Look]:
    """Give each system of a figure a look, all different.

    A system that is not listed in `KNOWN` gets a free look that depends on its name. It takes the next one only where
    another such system of the same figure, earlier in the alphabet, already has that colour. A listed system with
    other settings (`music2latent@steps4`) keeps its colour and gets a free marker.
    """
    free = [Look(colour, marker) for marker in FREE_MARKERS for colour in FREE_COLOURS]
    listed: dict[str, Look] = {}
    unlisted: dict[str, Look] = {}
    for name in sorted(names):
        if name in KNOWN:
            listed[name] = KNOWN[name]
            continue
        base = KNOWN.get(name.partition("@")[0])
        if base:
            used = {look.marker for look in (*KNOWN.values(), *listed.values()) if look.colour == base.colour}
            markers = (*FREE_MARKERS, *(look.marker for look in KNOWN.values()))
            listed[name] = Look(base.colour, next((marker for marker in markers if marker not in used), base.marker))
            continue
        first = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % len(free)
        candidates = free[first:] + free[:first]
        used_colours = {look.colour for look in unlisted.values()}
        unused = [look for look in candidates if look not in unlisted.values()] or candidates
        unlisted[name] = next((look for look in unused if look.colour not in used_colours), unused[0])
    return listed | unlisted
