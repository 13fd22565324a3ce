"""Files that a paper can use: text as text, the same bytes each time, and looks that tell systems apart."""

from __future__ import annotations

import html
import itertools
import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image
from support.runs import MakeRun

from m2l_bench.cards import load_cards
from m2l_bench.errors import UserError
from m2l_bench.plots import distribution
from m2l_bench.plots.design import DARK, LIGHT
from m2l_bench.plots.looks import KNOWN, Look, looks
from m2l_bench.plots.marks import svg_path
from m2l_bench.plots.runs import load_runs
from m2l_bench.plots.style import COLUMN_INCHES, save, to_svg

PAPERS = ("musika", "latmusic", "mousaiv2", "mousaiv3", "music2latent", "dac")
TO_LMS = np.array([[0.31399, 0.63951, 0.04650], [0.15537, 0.75789, 0.08670], [0.01775, 0.10944, 0.87257]])
DICHROMATS = {
    "protan": np.array([[0, 1.05118, -0.05116], [0, 1, 0], [0, 0, 1]]),
    "deutan": np.array([[1, 0, 0], [0.95131, 0, 0.04866], [0, 0, 1]]),
}
"""Viénot, Brettel and Mollon 1999, Digital video colourmaps for checking the legibility of displays by dichromats."""


TITLE = r"<script> $\frac{$ & more"


@pytest.fixture
def figure(tmp_path: Path, make_run: MakeRun, scores: dict[str, dict[str, float]]) -> Figure:
    make_run("dac", {"visqol": scores["visqol"]}, card={"title": TITLE})
    return distribution.figure(load_runs([tmp_path / "runs"]))


def test_pdf_text_is_text(figure: Figure, tmp_path: Path) -> None:
    content = save(figure, tmp_path / "figure.pdf").read_bytes()
    assert re.findall(rb"/Subtype /(\w+)", content).count(b"Type0") >= 1 and b"/Type3" not in content


def test_svg_text_is_text(figure: Figure, tmp_path: Path) -> None:
    content = save(figure, tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert content == to_svg(figure)
    assert "<script" not in content and html.escape(TITLE, quote=False) in content
    assert re.search(r"<text[^>]*>[^<]*ViSQOL \(MOS\)", content) or "ViSQOL (MOS)</tspan>" in content


def test_png_is_as_wide_as_a_column(figure: Figure, tmp_path: Path) -> None:
    with Image.open(save(figure, tmp_path / "new" / "figure.png")) as image:
        assert image.width == round(300 * COLUMN_INCHES)


@pytest.mark.parametrize("suffix", [".pdf", ".svg", ".png"])
def test_equal_figures_are_equal_files(figure: Figure, tmp_path: Path, suffix: str) -> None:
    again = distribution.figure(load_runs([tmp_path / "runs"]))
    first, second = save(figure, tmp_path / f"1{suffix}"), save(again, tmp_path / f"2{suffix}")
    assert first.read_bytes() == second.read_bytes()


def test_a_suffix_that_is_none_and_a_place_that_cannot_be(figure: Figure, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"figure.jpg: a figure is written as .pdf, .svg, .png"):
        save(figure, tmp_path / "figure.jpg")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        save(figure, tmp_path / "file" / "figure.png")


def test_the_callers_matplotlib_stays_as_it_was(figure: Figure, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    save(distribution.figure(load_runs([tmp_path / "runs"])), tmp_path / "figure.pdf")
    assert dict(matplotlib.rcParams) == before


def test_all_looks_differ_and_stay() -> None:
    assert len(set(KNOWN.values())) == len(KNOWN)
    names = [*KNOWN, *(f"mine-{i}" for i in range(8))]
    everyone = looks(names)
    assert len(set(everyone.values())) == len(names)
    assert all(looks([name])[name] == everyone[name] for name in KNOWN)
    assert looks(["mine-1", "dac"])["mine-1"] == looks(["mine-1", "musika", "opus-12k"])["mine-1"]
    assert len({look.colour for name, look in everyone.items() if name not in KNOWN}) == 8
    steps = looks(["opus-12k", "opus-24k", *(f"opus-12k@steps{i}" for i in range(6))])
    assert len(set(steps.values())) == 8 and len({look.colour for look in steps.values()}) == 1


def test_marks_of_a_page_are_those_of_the_figures() -> None:
    assert svg_path(Look("#000000", "s")) == "M-10,10L10,10L10,-10L-10,-10Z"
    assert svg_path(Look("#000000", "^")) == "M0,-10L-10,10L10,10Z", "its tip is up, where a page counts downwards"
    assert len({svg_path(look) for look in KNOWN.values()}) == len({look.marker for look in KNOWN.values()})


def test_colours_have_contrast() -> None:
    """WCAG 2.2 AA: text 4.5 to 1 against its ground, light and dark."""
    grounds = ("paper", "raised", "shade", "tint")
    pairs = [(text, ground) for text in ("ink", "soft") for ground in grounds]
    pairs += [(text, ground) for text in ("accent", "bad") for ground in ("paper", "raised")]
    pairs += [("on-accent", "accent"), ("better-ink", "better"), ("worse-ink", "worse")]
    for colours in (LIGHT, DARK):
        for text, ground in pairs:
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        channels = np.array(to_rgb(colour))
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_no_two_shipped_systems_look_the_same() -> None:
    systems = load_cards().systems
    assert len(set(looks(systems).values())) == len(systems)


@pytest.mark.parametrize("eyes", DICHROMATS)
def test_the_papers_systems_differ_to_colour_blind_eyes(eyes: str) -> None:
    """Each pair by 0.1 in one of the three channels of linear light, as such eyes see it."""
    linear = {name: np.array(to_rgb(KNOWN[name].colour)) ** 2.2 for name in PAPERS}
    seen = {name: np.linalg.inv(TO_LMS) @ DICHROMATS[eyes] @ TO_LMS @ colour for name, colour in linear.items()}
    for one, other in itertools.combinations(PAPERS, 2):
        assert np.abs(seen[one] - seen[other]).max() > 0.1, (one, other)
