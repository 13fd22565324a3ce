"""The listening page in a real browser, opened from disk as a user would."""

import http.server
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soxr
from playwright.sync_api import Browser, Locator, Page, expect
from scipy.signal import correlate
from scipy.stats import binomtest
from support.audio import write
from support.browser import open_browser, open_page
from support.command_line import Cli
from support.generation import OPTIONS, write_music
from support.pages import ONE_JOB, RATE, SCRIPT, flac_of, make_page, make_runs, noise

from m2l_bench.listen.answers import read_answers
from m2l_bench.listen.content import Collection, ListeningClip
from m2l_bench.listen.gather import gather
from m2l_bench.listen.generated import gather_generated
from m2l_bench.listen.statistics import abx_results, binomial_p, mushra_results
from m2l_bench.listen.writer import write_page
from m2l_bench.plots.looks import KNOWN
from m2l_bench.text import p_text

pytestmark = pytest.mark.slow
SYSTEMS = {"lowpass-7k": "Low-pass 7 kHz", "lowpass-3.5k": "Low-pass 3.5 kHz"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Collection, Path]:
    """Four clips; the louder noise is above a hum, the better a low-pass scores."""
    folder = tmp_path_factory.mktemp("listen")
    hum = np.sin(2 * np.pi * 100 * np.arange(2 * RATE) / RATE).astype(np.float32)[None]
    clips = {"middle": noise(2, 1) + 0.3 * hum, "worst": noise(2, 2), "best": noise(2, 3) + hum / 2}
    collection, page = make_page(folder, clips | {SCRIPT: noise(4, 4)}, title=f"{SYSTEMS['lowpass-7k']} {SCRIPT}")
    return collection, page.path


@pytest.fixture
def page(browser: Browser, made: tuple[Collection, Path]) -> Iterator[Page]:
    with open_page(browser, made[1]) as page:
        yield page


def pick(page: Page, title: str) -> Locator:
    return page.locator(".piece .pick", has_text=title)


def clip_names(page: Page) -> list[str]:
    return page.locator(".clips .name").all_text_contents()


# Presses a key while the clip plays and hands over what was heard around that moment: 32,768 samples (0.74 s), of which
# the last 0.25 s or more came after the switch. Where the machine was too slow for that, again.
AROUND_A_SWITCH = """async (keys) => {
  const context = Sounds.context;
  const tap = new AnalyserNode(context, { fftSize: 32768 });
  app.player.output.connect(tap);
  const heard = new Float32Array(tap.fftSize);
  const audioTime = (time) => new Promise((resolve) => {
    const look = () => (context.currentTime >= time ? resolve() : setTimeout(look, 5));
    look();
  });
  for (let attempt = 0; attempt < 20; attempt++) {
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: keys[0], bubbles: true }));
    await audioTime(context.currentTime + 0.8);
    const before = { position: app.player.position, time: context.currentTime };
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: keys[1], bubbles: true }));
    const after = { position: app.player.position, time: context.currentTime };
    await audioTime(after.time + 0.3);
    tap.getFloatTimeDomainData(heard);
    if (context.currentTime < after.time + 0.45) return { heard: [...heard], before, after, rate: context.sampleRate };
  }
}"""


@pytest.mark.parametrize(
    "keys", ["01", pytest.param("12", marks=pytest.mark.full), pytest.param("20", marks=pytest.mark.full)]
)
def test_a_switch_keeps_the_position_and_leaves_no_gap(page: Page, made: tuple[Collection, Path], keys: str) -> None:
    page.goto(f"{made[1].as_uri()}#clip={SCRIPT}")
    page.keyboard.press("Space")
    page.wait_for_function("DATA.systems.every(({ name }) => app.player.stateOf(name) === 'ready')")
    result = page.evaluate(AROUND_A_SWITCH, keys)
    elapsed = result["after"]["time"] - result["before"]["time"]
    assert abs(result["after"]["position"] - result["before"]["position"] - elapsed) < 0.030
    # What the player says is one thing; this is where in the files the sound itself comes from.
    heard, rate = np.array(result["heard"]), result["rate"]
    clip = page.evaluate("app.clip")
    ids = [clip["original"]["audio"], *(clip["made"][name]["audio"] for name in SYSTEMS)]
    pieces = [soxr.resample(flac_of(made[1].parent, id) / 32768, RATE, rate) for id in ids]
    part = 10_000
    at_first, at_last = (
        _find(heard[where], pieces, int(key))
        for where, key in zip((slice(0, part), slice(-part, None)), keys, strict=True)
    )
    samples = (at_last - at_first - (len(heard) - part)) % len(pieces[0])
    assert min(samples, len(pieces[0]) - samples) / rate < 0.030
    levels = [np.std(block) for block in np.array_split(heard, 128)]
    assert min(levels) > 0.5 * np.median(levels), "a gap"


def _find(heard: np.ndarray, pieces: list[np.ndarray], expected: int) -> int:
    """Where in the looped piece the samples are from; asserts that they are from the expected one."""
    likeness = [correlate(np.concatenate([piece, piece[: len(heard)]]), heard, mode="valid") for piece in pieces]
    energy = [np.sqrt((piece**2).mean() * len(heard)) for piece in pieces]
    scores = [one.max() / (level * np.linalg.norm(heard)) for one, level in zip(likeness, energy, strict=True)]
    assert int(np.argmax(scores)) == expected
    assert scores[expected] > 0.9
    return int(likeness[expected].argmax())


@pytest.mark.full
def test_loudness_matching_is_heard_and_can_be_switched_off(page: Page, made: tuple[Collection, Path]) -> None:
    page.goto(f"{made[1].as_uri()}#clip=worst&system=lowpass-3.5k")
    gain = page.evaluate("app.clip.made['lowpass-3.5k'].gain + app.clip.headroom")
    row = page.locator(".piece", has_text="Low-pass 3.5 kHz")
    expect(row).to_contain_text(f"{gain:+.1f}".replace("-", "\N{MINUS SIGN}"))
    page.keyboard.press("Space")
    page.wait_for_function("app.player.stateOf('lowpass-3.5k') === 'ready'")
    level = """async () => {
      const tap = new AnalyserNode(Sounds.context, { fftSize: 16384 });
      app.player.output.connect(tap);
      const heard = new Float32Array(tap.fftSize);
      const until = Sounds.context.currentTime + 0.6;
      while (Sounds.context.currentTime < until) await new Promise((resolve) => setTimeout(resolve, 10));
      tap.getFloatTimeDomainData(heard);
      return 10 * Math.log10(heard.reduce((sum, value) => sum + value * value, 0) / heard.length);
    }"""
    matched = page.evaluate(level)
    page.get_by_label("Match loudness").uncheck()
    assert matched - page.evaluate(level) == pytest.approx(gain, abs=1)  # two sections of noise
    expect(row).to_contain_text("off")


MANY = 10_000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of 10,000 clips that all sound the same, every third with a caption."""
    page = make_page(tmp_path_factory.mktemp("many"), {"one": noise(1)})[1].path
    data = json.loads((page.parent / "data.js").read_text().removeprefix("const DATA = ").removesuffix(";\n"))
    (clip,) = data["clips"]
    values = np.random.default_rng(0).permutation(MANY) / 100
    data["clips"] = [
        clip
        | {"id": f"clip {number:04d}", "caption": "" if number % 3 else f"number {number} of many, " * 8}
        | {"made": {name: made | {"values": [values[number]]} for name, made in clip["made"].items()}}
        for number in range(MANY)
    ]
    (page.parent / "data.js").write_text(f"const DATA = {json.dumps(data)};\n")
    return page


MOST_ROWS = 60
IN_SIGHT = """(selector) => {
  const [row, list] = [selector, ".clips"].map((one) => document.querySelector(one)?.getBoundingClientRect());
  return Boolean(row) && row.top >= list.top - 1 && row.bottom <= list.bottom + 1;
}"""
SELECTED = ".clips a[aria-current]"
# What a change takes until it is drawn. Printed (pytest -s), never compared: it is the machine's load that it measures.
TIME = """(change) => new Promise((resolve) => {
  const began = performance.now();
  eval(change);
  document.body.getBoundingClientRect();
  requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
})"""


def timed(page: Page, change: str) -> None:
    print(f"{page.evaluate(TIME, change):8.1f} ms  {change}")
    assert 0 < page.locator(".clips li").count() <= MOST_ROWS
    places = [int(row.get_attribute("aria-posinset") or 0) for row in page.locator(".clips li").all()]
    assert places == sorted(places)
    names = page.evaluate("app.listed.map((clip) => clip.id)")
    assert clip_names(page) == [names[place - 1] for place in places]
    assert {row.get_attribute("aria-setsize") for row in page.locator(".clips li").all()} == {str(len(names))}


@pytest.mark.parametrize("size", [(1280, 800), pytest.param((390, 844), marks=pytest.mark.full)])
def test_a_long_list_has_only_the_rows_in_sight(browser: Browser, many: Path, size: tuple[int, int]) -> None:
    with open_page(browser, many, *size) as page:
        loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        print(f"\n{loaded:8.1f} ms  to load")
        timed(page, "app.update({ order: 'best' })")
        values = page.evaluate("app.listed.map((clip) => valueOf(clip, 'si_sdr_db', app.state.of))")
        assert values == sorted(values, reverse=True) and len(values) == MANY
        timed(page, "app.update({ sort: 'name' })")
        assert page.evaluate("app.listed[0].id") == "clip 0000"
        assert page.evaluate(IN_SIGHT, SELECTED), "the list follows the clip that is shown"
        timed(page, "document.querySelector('.clips').scrollTop = 1e9")
        assert clip_names(page)[-1] == "clip 9999"
        assert page.evaluate(IN_SIGHT, ".clips li:last-child")
        timed(page, "app.update({ sort: 'si_sdr_db', least: '90', most: '92' })")
        assert page.get_by_role("status").filter(has_text="clips").text_content() == "201 of 10000 clips"
        page.evaluate("app.update({ sort: 'name', least: '', most: '' })")
        timed(page, "app.update({ find: 'NUMBER 33' })")
        assert page.evaluate("app.listed.map((clip) => clip.id)") == [
            f"clip {number:04d}" for number in range(0, MANY, 3) if "33" in f"{number:04d}"
        ]
        timed(page, "app.update({ find: '' })")
        timed(page, "app.update({ clip: 'clip 7654' })")
        assert page.evaluate(IN_SIGHT, SELECTED)
        assert len({row.bounding_box()["height"] for row in page.locator(".clips li").all()}) == 1
        page.evaluate("app.update({ find: 'nothing has this' })")
        assert page.locator(".clips li").count() == 0


@pytest.mark.full
def test_a_link_into_a_long_list_and_its_keys(browser: Browser, many: Path) -> None:
    with open_page(browser, f"{many.as_uri()}#clip=clip+5000&sort=set") as page:
        expect(page.locator(SELECTED)).to_contain_text("clip 5000")
        assert page.evaluate(IN_SIGHT, SELECTED)
        for _ in range(30):
            page.keyboard.press("n")
        expect(page.locator(SELECTED)).to_contain_text("clip 5030")
        assert page.evaluate(IN_SIGHT, SELECTED)
        page.locator(SELECTED).focus()
        page.evaluate("document.querySelector('.clips').scrollTop = 0")
        expect(page.locator(".clips li").first).to_have_attribute("aria-posinset", "1")
        assert page.evaluate("document.activeElement.textContent").startswith("clip 5030"), "the focus stays"
        for number in range(5031, 5061):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.textContent").startswith(f"clip {number}")
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#clip-name")).to_have_text("clip 5059")
        assert page.evaluate("document.activeElement.getAttribute('aria-current')") == "true"
        page.wait_for_function(IN_SIGHT, arg=SELECTED)
        expect(page.locator(".clips li", has=page.locator("[aria-current]"))).to_have_attribute("aria-posinset", "5060")


def test_the_overview_comes_first_and_plays(page: Page, made: tuple[Collection, Path]) -> None:
    expect(page.locator("#clip-name")).to_have_text(page.evaluate("DATA.median"))
    table = page.locator(".overview")
    for run in made[0].systems:
        mean, low, high = run.figures["si_sdr_db"]
        row = table.get_by_role("row", name=run.title)
        shown = f"{mean:.2f}{low:.2f} to {high:.2f}".replace("-", "\N{MINUS SIGN}")
        expect(row.get_by_role("cell").nth(1)).to_have_text(shown)
        assert row.locator(".mark path").get_attribute("fill") == KNOWN[run.name].colour
    table.get_by_role("button", name="Play Low-pass 7 kHz").click()
    page.wait_for_function("app.player.playing && app.player.position > 0 && app.player.selected === 'lowpass-7k'")
    table.get_by_role("button", name="Pause Low-pass 7 kHz").click()
    assert not page.evaluate("app.player.playing")
    page.keyboard.press("Tab")
    table.get_by_role("button", name="SI-SDR").focus()
    expect(page.get_by_role("tooltip")).to_contain_text("Higher is better.")
    page.keyboard.press("Escape")
    expect(page.get_by_role("tooltip")).to_be_hidden()


def test_differences_are_a_choice_that_a_link_remembers(browser: Browser, page: Page) -> None:
    def pictures(page: Page) -> list[str | None]:
        return [image.get_attribute("alt") for image in page.locator(".pieces img").all()]

    assert pictures(page) == [f"Spectrogram of {title}" for title in ("Original", *SYSTEMS.values())]
    page.get_by_label("Pictures").select_option("difference")
    differences = [f"Difference of {title} from the original" for title in SYSTEMS.values()]
    assert pictures(page) == ["Spectrogram of Original", *differences]
    with open_page(browser, page.url) as other:
        assert pictures(other) == pictures(page)
        loaded = "[...document.querySelectorAll('.pieces img')].every((image) => image.complete && image.naturalWidth)"
        other.wait_for_function(loaded)


def test_sorting_and_filtering(page: Page) -> None:
    ranked = ["worst", "middle", "best"]
    assert [name for name in clip_names(page) if name != SCRIPT] == ranked, "the worst clips come first"
    page.get_by_label("Order").select_option("best")
    assert [name for name in clip_names(page) if name != SCRIPT] == ranked[::-1]
    page.get_by_label("Sort by").select_option("name")
    assert clip_names(page) == sorted(clip_names(page), key=str.casefold)
    page.get_by_label("Sort by").select_option("si_sdr_db")
    best = float(page.locator(".clips .value").first.text_content() or "")
    page.get_by_label("At least").fill(str(best - 0.01))
    page.keyboard.press("Enter")
    assert clip_names(page) == ["best"]
    expect(page.get_by_role("status").filter(has_text="clips")).to_have_text("1 of 4 clips")
    page.get_by_label("At least").fill("")
    page.get_by_label("Find").fill("WOR")
    assert clip_names(page) == ["worst"]
    page.get_by_role("link", name="Blind test").click()
    expect(page.get_by_text("draws from the 1 clip in the list")).to_be_visible()
    page.get_by_role("link", name="Back to comparing").click()
    assert clip_names(page) == ["worst"]


def test_a_link_remembers_clip_system_and_order(browser: Browser, page: Page) -> None:
    page.get_by_label("Order").select_option("best")
    page.get_by_label("Of system").select_option("lowpass-7k")
    page.get_by_role("link", name="worst").click()
    page.keyboard.press("1")
    with open_page(browser, page.url) as other:
        expect(other.locator("#clip-name")).to_have_text("worst")
        expect(pick(other, "Low-pass 7 kHz")).to_have_attribute("aria-pressed", "true")
        expect(other.get_by_label("Order")).to_have_value("best")
        expect(other.get_by_label("Of system")).to_have_value("lowpass-7k")
        assert clip_names(other) == clip_names(page)
    page.go_back()
    expect(page.locator("#clip-name")).not_to_have_text("worst")


def test_names_and_titles_are_text(page: Page, made: tuple[Collection, Path]) -> None:
    page.goto(f"{made[1].as_uri()}#clip={SCRIPT}")
    expect(page.locator("#clip-name")).to_have_text(SCRIPT)
    expect(page.locator("h1")).to_contain_text(SCRIPT)
    assert page.title().endswith(SCRIPT)
    page.goto(f"{made[1].as_uri()}#clip=<img src=x onerror=alert(1)>&system={SCRIPT}&find={SCRIPT}")
    expect(page.locator("#clip-name")).to_be_visible()


def test_the_keyboard_is_enough(page: Page) -> None:
    press = page.keyboard.press
    press("/")
    page.keyboard.type("best")
    assert clip_names(page) == ["best"]
    for _ in range(20):  # through the filters to the first clip
        press("Tab")
        if page.evaluate("document.activeElement.closest('.clips') !== null"):
            break
    press("Enter")
    expect(page.locator("#clip-name")).to_have_text("best")
    press("Space")
    page.wait_for_function("app.player.playing && app.player.position > 0")
    press("ArrowDown")
    expect(pick(page, "Low-pass 7 kHz")).to_have_attribute("aria-pressed", "true")
    for _ in range(30):  # on to a system's own button
        press("Tab")
        if page.evaluate(
            "document.activeElement.matches('.pick') && document.activeElement.textContent.includes('Low-pass 3')"
        ):
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", "focus is seen"
    press("Enter")
    expect(pick(page, "Low-pass 3.5 kHz")).to_have_attribute("aria-pressed", "true")
    press("0")
    expect(pick(page, "Original")).to_have_attribute("aria-pressed", "true")
    press("Escape")
    page.evaluate("document.activeElement.blur()")
    press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_label("Single keys are on").press("Space")
    press("Escape")
    press("1")
    expect(pick(page, "Original")).to_have_attribute("aria-pressed", "true")


def test_every_control_has_a_name(page: Page) -> None:
    for view in ("", "#view=blind"):
        page.goto(page.url.split("#")[0] + view)
        for control in page.locator("button, input, select, a[href], img").all():
            if control.is_visible():
                line = control.aria_snapshot().splitlines()[0]
                assert re.search(r'"[^"]+"|/.+/', line), f"no name: {line}"


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_needs_no_sideways_scrolling(browser: Browser, made: tuple[Collection, Path], width: int) -> None:
    with open_page(browser, made[1], width, 700) as page:
        tops = [page.locator(part).bounding_box()["y"] for part in (".overview", ".clips", "#clip-name")]  # type: ignore[index]
        assert tops == sorted(tops), "the list comes before the clip"
        for view in ("", "#view=blind"):
            page.goto(made[1].as_uri() + view)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert "key" not in page.locator("body").inner_text().lower(), "a phone has no keys"
        page.get_by_label("MUSHRA").check()
        page.get_by_label("Your name").fill("Anna")
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("heading", name="Clip 1 of 4")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def start_abx(page: Page, seed: int, trials: int = 5) -> None:
    page.get_by_role("link", name="Blind test").click()
    page.get_by_label("Your name").fill('Anna, "A"')
    page.get_by_text("Repeat an earlier order").click()
    page.get_by_label("Seed").fill(str(seed))
    page.get_by_label("Trials").fill(str(trials))
    page.get_by_label("B", exact=True).select_option("lowpass-7k")
    page.get_by_role("button", name="Start").click()


def no_name_is_seen(page: Page, collection: Collection) -> None:
    seen = " ".join([page.content(), page.title(), page.url]).lower()
    for name in [*SYSTEMS, *SYSTEMS.values(), "original", *(clip.clip.id for clip in collection.clips)]:
        assert name.lower() not in seen
    assert not page.locator("img").count(), "a spectrogram would tell"


def test_an_abx_to_its_end(page: Page, made: tuple[Collection, Path], tmp_path: Path) -> None:
    start_abx(page, seed=11)
    for trial in range(1, 6):
        expect(page.get_by_role("heading", name=f"Trial {trial} of 5")).to_be_visible()
        answer = page.get_by_role("button", name="X is B")
        expect(answer).to_be_disabled()
        no_name_is_seen(page, made[0])
        for piece in "ABX":
            page.get_by_role("button", name=piece, exact=True).click()
        no_name_is_seen(page, made[0])
        answer.click()
    verdict = page.locator(".verdict").text_content() or ""
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the answers").click()
    download.value.save_as(tmp_path / "abx.csv")
    trials = read_answers([tmp_path / "abx.csv"]).abx
    assert len(trials) == 5
    assert {trial.pair for trial in trials} == {("original", "lowpass-7k")}
    assert {trial.listener for trial in trials} == {'Anna, "A"'}
    assert {trial.clip for trial in trials} == {clip.clip.id for clip in made[0].clips}, "all clips before one again"
    right = sum(trial.correct for trial in trials)
    (result,) = abx_results(trials)
    assert verdict == f"{right} of 5 right, p = {p_text(result.p)}"


def test_a_seed_decides_the_order(page: Page) -> None:
    def orders(seed: int) -> list[float]:
        return page.evaluate(f"Array.from({{ length: 50 }}, ((random) => () => random.next())(new Random({seed})))")

    assert orders(3) == orders(3)
    assert orders(3) != orders(4)
    shuffles = page.evaluate(
        "((random) => Array.from({ length: 6000 }, () => random.shuffled([0, 1, 2]).join('')))(new Random(5))"
    )
    counts = [shuffles.count(order) for order in ("012", "021", "102", "120", "201", "210")]
    assert sum(counts) == 6000
    assert all(abs(count - 1000) < 150 for count in counts), counts  # five standard deviations


def test_the_page_and_the_command_agree_on_p(page: Page) -> None:
    """Number and text, for every count of right answers that a session may have."""
    cases = [(right, trials) for trials in range(1, 101) for right in range(trials + 1)]
    shown = page.evaluate(
        "cases => cases.map(([right, trials]) => binomialP(right, trials)).map((p) => [p, pText(p)])", cases
    )
    computed = [binomial_p(right, trials) for right, trials in cases]
    assert shown == [[p, p_text(p)] for p in computed]
    for (right, trials), p in zip(cases[::97], computed[::97], strict=True):
        assert p == pytest.approx(binomtest(right, trials, alternative="greater").pvalue, rel=1e-9)


def test_a_mushra_to_its_end(page: Page, made: tuple[Collection, Path], tmp_path: Path) -> None:
    page.get_by_role("link", name="Blind test").click()
    page.get_by_label("MUSHRA").check()
    page.get_by_label("Your name").fill("Ben")
    page.get_by_label("Clips").fill("2")
    page.get_by_role("button", name="Start").click()
    for clip, button in ((1, "Next clip"), (2, "Finish")):
        expect(page.get_by_role("heading", name=f"Clip {clip} of 2")).to_be_visible()
        no_name_is_seen(page, made[0])
        for key in "123":
            page.get_by_role("button", name=key, exact=True).click()
            page.get_by_label(f"Score of {key}").fill(str(10 * clip + int(key)))
        page.get_by_role("button", name=button).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the answers").click()
    download.value.save_as(tmp_path / "mushra.csv")
    ratings = read_answers([tmp_path / "mushra.csv"]).mushra
    assert sorted(rating.score for rating in ratings) == [11, 12, 13, 21, 22, 23]
    assert {(rating.system, rating.role) for rating in ratings} == {
        ("original", "hidden reference"),
        ("lowpass-3.5k", "anchor"),
        ("lowpass-7k", "anchor"),
    }
    shown = {
        row.locator("th").text_content(): row.locator("td").text_content() for row in page.locator("tbody tr").all()
    }
    titles = SYSTEMS | {"original": "Hidden reference"}
    assert shown == {titles[result.system]: f"{result.mean:.1f}" for result in mushra_results(ratings, {})}


def test_a_missing_file_is_said_and_the_rest_plays(browser: Browser, tmp_path: Path) -> None:
    _, made = make_page(tmp_path, {"one": noise(1)})
    data = json.loads((made.path.parent / "data.js").read_text().removeprefix("const DATA = ").removesuffix(";\n"))
    (made.path.parent / "audio" / f"{data['clips'][0]['made']['lowpass-7k']['audio']}.js").unlink()
    with pytest.raises(AssertionError, match="cannot load"), open_page(browser, made.path) as page:
        page.keyboard.press("Space")
        expect(page.get_by_role("alert")).to_contain_text("cannot be loaded")
        expect(pick(page, "Low-pass 7 kHz")).to_contain_text("missing")
        page.wait_for_function("app.player.playing && app.player.position > 0")


def test_generated_sets_are_heard_beside_held_out_music(browser: Browser, tmp_path: Path, cli_here: Cli) -> None:
    write_music(tmp_path)
    assert cli_here("generate", *OPTIONS, "--steps", 1, "--seeds", 1).returncode == 0
    collection = gather_generated(tmp_path / "out", [tmp_path / "cards"], limit=2)
    index = write_page(collection, tmp_path / "page", "Sets", 30.0, ONE_JOB).path
    sets = [system.title for system in collection.systems]
    with open_page(browser, f"{index.as_uri()}#view=blind&picture=difference") as page:
        expect(page.locator("h1")).to_have_text("Sets")
        assert page.locator(".overview tbody th").all_text_contents() == ["Held-out music", *sets]
        assert page.locator(".overview thead th").all_text_contents()[1:] == [
            "KAD-toy\N{NO-BREAK SPACE}↓",
            "FAD-toy\N{NO-BREAK SPACE}↓",
            "Density-toy\N{NO-BREAK SPACE}↑",
            "Coverage-toy\N{NO-BREAK SPACE}↑",
        ]
        best = page.locator(".overview tr", has=page.locator("strong"))
        expect(best.locator("th")).to_have_text("Bands: samples, seed 0")  # floors and ceilings are a scale for it
        rows = [image.get_attribute("alt") for image in page.locator(".pieces img").all()]
        assert rows == [f"Spectrogram of {title}" for title in ("Held-out music", *sets)]
        expect(page.locator("main")).to_contain_text("samples with the same number have nothing to do with each other")
        expect(page.get_by_text("Blind test")).to_have_count(0)
        expect(page.get_by_label("Pictures")).to_have_count(0)
        page.get_by_role("link", name="clip 0001").click()
        pick(page, "Bands: codec").click()
        expect(page.locator("#clip-name")).to_have_text("clip 0001")
        expect(pick(page, "Bands: codec")).to_have_attribute("aria-pressed", "true")
        page.get_by_role("button", name="About this page").click()
        expect(page.get_by_role("dialog")).to_contain_text("Ceiling: the held-out music itself, through the codec.")
        assert "original" not in page.locator("body").inner_text().lower()
    with open_page(browser, index, 320, 700) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.full
def test_little_is_loaded_before_the_first_play(browser: Browser, tmp_path: Path) -> None:
    """100 clips of eight systems, from a web host that does not compress."""
    collection = gather(make_runs(tmp_path, {"one": noise(1)}))
    (run, _), (clip,) = collection.systems, collection.clips
    files = {f"system-{i}": write(tmp_path / f"{i}.flac", noise(1, i), RATE) for i in range(1, 9)}
    many = replace(
        collection,
        systems=tuple(replace(run, name=name) for name in files),
        clips=tuple(
            ListeningClip(
                clip=replace(clip.clip, id=f"A clip with quite a long name, number {number}"),
                caption="What is heard in it, in some thirty words, " * 4,
                reconstructions=files,
                values={name: {"si_sdr_db": -12.345} for name in files},
            )
            for number in range(100)
        ),
    )
    page_folder = write_page(many, tmp_path / "page", "Many clips", 30.0, ONE_JOB).path.parent
    handler = partial(QuietHandler, directory=str(page_folder))
    sizes: dict[str, int] = {}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/index.html"
        with open_page(browser, "about:blank") as page:
            page.on("response", lambda response: sizes.update({response.url: len(response.body())}))
            page.goto(address)
            page.wait_for_load_state("networkidle")
            expect(page.locator(".clips li").first).to_have_attribute("aria-setsize", "100")
            assert sum(url.endswith(".webp") for url in sizes) == 9
            assert not [url for url in sizes if "/audio/" in url]
            assert sum(sizes.values()) < 300_000
            assert all(url.startswith(address.removesuffix("index.html")) for url in sizes), "nothing from elsewhere"
            page.keyboard.press("Space")
            page.wait_for_function("app.player.position > 0")
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


def test_answers_hold_no_formulas(page: Page) -> None:
    rows = [{"listener": '=HYPERLINK("x")', "clip": "-aaa", "score": -1.5, "text": "-1.5", "note": "'@x"}]
    text = page.evaluate("rows => csvText(rows)", rows)
    assert text.splitlines()[1] == '"\'=HYPERLINK(""x"")",\'-aaa,-1.5,-1.5,\'\'@x'
