"""Properties that all paired metrics share, and known answers of those of level, width and delay."""

import warnings
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.audio import music

from m2l_bench.errors import Undefined
from m2l_bench.metrics import PAIRED
from m2l_bench.metrics.delay import measure as measure_delay
from m2l_bench.reconstruction.scoring import score
from m2l_bench.runs.schema import Row

RATE = 44_100
LONG = ("visqol", "loudness_range_difference_lu")  # these need seconds
INSTALLED = [name for name, metric in PAIRED.items() if not metric.package or find_spec(metric.package)]
FAST = [name for name, metric in PAIRED.items() if name not in LONG and not metric.package]
SILENT, NOTES = np.zeros((2, RATE // 2), np.float32), music(0.5, channels=2)
CONSTANT = np.full_like(SILENT, 0.25)
NOT_A_NUMBER = NOTES.copy()
NOT_A_NUMBER[0, 5] = np.nan
ONE_SILENT = NOTES * np.array([[1], [0]], np.float32)
BAD = {
    "silence": (SILENT, SILENT),
    "silence to notes": (SILENT, NOTES),
    "notes to silence": (NOTES, SILENT),
    "constant": (CONSTANT, CONSTANT),
    "notes to constant": (NOTES, CONSTANT),
    "one channel silent": (ONE_SILENT, ONE_SILENT),
    "one channel lost": (NOTES, ONE_SILENT),
    "mono": (NOTES[:1], 0.5 * NOTES[:1]),
    "equal channels": (np.repeat(NOTES[:1], 2, axis=0),) * 2,
    "six channels": (music(0.5, channels=6),) * 2,
    "short": (NOTES[:, :300], NOTES[:, :300]),
    "one sample": (NOTES[:, :1], NOTES[:, 1:2]),
    "not a number": (NOTES, NOT_A_NUMBER),
    "far beyond full scale": (NOTES, 1e6 * NOTES),
}


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)  # of packages that import each other
        yield


@pytest.mark.parametrize("case", BAD)
def test_bad_input_has_a_value_or_a_reason(case: str) -> None:
    for name in INSTALLED:
        try:
            assert not np.isnan(PAIRED[name].measure(*BAD[case], RATE)), name
        except Undefined as reason:
            assert str(reason), name
        else:
            assert case != "not a number", name


@pytest.mark.parametrize("name", INSTALLED)
def test_other_shapes_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="the same shape"):
        PAIRED[name].measure(NOTES, NOTES[:, 1:], RATE)


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 1000), level=st.floats(0.003, 0.1))  # with more noise, no lag has a meaning
def test_nothing_is_better_than_a_copy(seed: int, level: float) -> None:
    noise = np.random.default_rng(seed).standard_normal(NOTES.shape).astype(np.float32)
    noisy = NOTES + np.float32(level) * noise
    for name in FAST:
        metric = PAIRED[name]
        copy, degraded = (metric.measure(NOTES, audio, RATE) for audio in (NOTES, noisy))
        assert metric.merit(copy) >= metric.merit(degraded), name
        best = np.inf if name.startswith("si_sdr") else 1 if metric.higher_is_better else 0
        assert copy == pytest.approx(best, abs=1e-6), name


SYMMETRIC = [name for name in FAST if name.startswith(("mel_", "stft_", "log_", "dc_", "channel_"))]
SIGNED = [name for name in FAST if PAIRED[name].signed]


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 1000))
def test_distances_are_symmetric_and_differences_change_their_sign(seed: int) -> None:
    other = music(0.5, channels=2, seed=seed)
    late = np.roll(NOTES, seed % 50, axis=1) + np.float32(0.1) * other
    for names, sign in ((SYMMETRIC, 1), (SIGNED, -1)):
        for name in names:
            there, back = (PAIRED[name].measure(*pair, RATE) for pair in ((NOTES, late), (late, NOTES)))
            assert there == pytest.approx(sign * back, abs=2e-5), name


@settings(max_examples=10, deadline=None)
@given(gain_db=st.floats(-20, 20))
def test_a_gain_is_its_decibels(gain_db: float) -> None:
    gained = NOTES * np.float32(10 ** (gain_db / 20))
    for name in ("loudness_difference_lu", "true_peak_difference_db", "width_difference_db"):
        assert PAIRED[name].measure(NOTES, gained, RATE) == pytest.approx(gain_db, abs=0.01), name
    for name in ("channel_coherence", "inter_channel_coherence", "delay_samples"):
        copy, other = (PAIRED[name].measure(NOTES, audio, RATE) for audio in (NOTES, gained))
        assert other == pytest.approx(copy, abs=1e-4), f"{name} does not hear gain"


@settings(max_examples=20, deadline=None)
@given(lag=st.integers(-5000, 5000), sign=st.sampled_from([-1, 1]))
def test_a_late_reconstruction_is_late_and_not_bad(lag: int, sign: int) -> None:
    whole = np.random.default_rng(0).standard_normal((1, 60_000)).astype(np.float32)
    original, late = whole[:, 5000:45_000], sign * whole[:, 5000 - lag : 45_000 - lag]
    values = measure_delay(original, late, RATE)
    assert values["delay_samples"] == lag
    assert values["si_sdr_aligned_db"] == np.inf
    assert lag == 0 or PAIRED["si_sdr_db"].measure(original, late, RATE) < -15


def test_unrelated_signals_have_no_delay() -> None:
    first, second = np.random.default_rng(0).standard_normal((2, 1, RATE)).astype(np.float32)
    with pytest.raises(Undefined, match="do not correlate"):
        PAIRED["delay_samples"].measure(first, second, RATE)
    assert PAIRED["si_sdr_aligned_db"].measure(first, second, RATE) < -20


def test_known_levels() -> None:
    clipped = np.clip(30 * NOTES, -1, 1)
    share = 100 * np.mean(np.abs(30 * NOTES) >= 1)
    assert 0 < share == pytest.approx(PAIRED["clipping_difference_pct"].measure(NOTES, clipped, RATE), abs=0.01)
    assert PAIRED["dc_difference_pct"].measure(NOTES, NOTES + np.float32([[0], [-0.02]]), RATE) == pytest.approx(2)
    mono = np.repeat(NOTES.mean(0, keepdims=True), 2, axis=0)
    assert -100 < PAIRED["width_difference_db"].measure(NOTES, mono, RATE) < -50
    with pytest.raises(Undefined, match="both channels of the original are equal"):
        PAIRED["width_difference_db"].measure(mono, NOTES, RATE)
    time = np.arange(RATE) / RATE
    between = np.sin(2 * np.pi * RATE / 4 * time + np.pi / 4).astype(np.float32)[None]  # peaks between the samples
    at_samples = np.sin(2 * np.pi * RATE / 4 * time).astype(np.float32)[None]
    assert np.abs(between).max() < 0.71
    assert PAIRED["true_peak_difference_db"].measure(at_samples, between, RATE) == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize("levels_db, expected", [((-20, -30), 10), ((-20, -15), 5), ((-40, -20), 20)])
def test_loudness_ranges_of_ebu_tech_3342(levels_db: tuple[int, int], expected: float) -> None:
    """The first three signals of its Table 1, which a meter must measure within 1 LU."""
    time = np.arange(20 * 48_000) / 48_000
    tone = np.sin(2 * np.pi * 1000 * time)
    constant, changing = (
        np.repeat([np.concatenate([10 ** (level / 20) * tone for level in levels])], 2, axis=0).astype(np.float32)
        for levels in ((-20, -20), levels_db)
    )
    metric = PAIRED["loudness_range_difference_lu"]
    assert metric.measure(constant, changing, 48_000) == pytest.approx(expected, abs=1)
    assert metric.measure(changing, constant, 48_000) == pytest.approx(-expected, abs=1)
    with pytest.raises(Undefined, match="silent"):
        metric.measure(0 * constant, changing, 48_000)
    with pytest.raises(Undefined, match="shorter than the 3 s"):
        metric.measure(constant[:, :140_000], changing[:, :140_000], 48_000)


def test_a_clip_too_short_for_coherences_has_distances() -> None:
    row = Row(id="clip")
    score(row, NOTES[:, :1500], -NOTES[:, :1500], RATE, ("channel_coherence", "mel_distance"))
    assert row.values == {"channel_coherence": None, "mel_distance": pytest.approx(0, abs=1e-6)}
    assert row.note("channel_coherence") == "shorter than the 2049 samples at 44.1 kHz that a window needs"


def test_scoring_measures_families_together() -> None:
    row = Row(id="clip")
    noisy = NOTES + np.float32(0.01) * music(0.5, channels=2, seed=3)
    score(row, NOTES, noisy, RATE, FAST)
    for name in FAST:
        assert row.values[name] == pytest.approx(PAIRED[name].measure(NOTES, noisy, RATE), abs=1e-6), name
    score(row, NOTES, noisy[:1], RATE, FAST)
    assert row.note("mel_distance_side") == row.note("width_difference_db") == "compared in mono"
