"""The metrics of spectra at 44.1 kHz, of all channels, and of mid and side: one family, resampled once.

Their windows are numbers of samples, so values at different rates could not be compared. Clips at other rates are
resampled to 44.1 kHz, the rate at which papers report them.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from m2l_bench.audio import Audio, resample
from m2l_bench.errors import Undefined
from m2l_bench.metrics import auraloss, descript
from m2l_bench.metrics.base import PairedMetric, Values, alone
from m2l_bench.metrics.coherence import coherences
from m2l_bench.metrics.signals import check_pair, check_stereo, is_silent, mid, side

SAMPLE_RATE = descript.SAMPLE_RATE
DISTANCES = ("mel_distance", "stft_distance", "mr_stft_auraloss")
COHERENCES = ("channel_coherence", "inter_channel_coherence")
PARTS = {"": 0, "_mid": 1, "_side": 2}


def measure(reference: Audio, reconstruction: Audio, sample_rate: int, names: Collection[str]) -> Values:
    """Measure the metrics of these names on two arrays (channels, samples) of the same shape.

    Raises:
        ValueError: the shapes differ, or there are no samples.
    """
    try:
        check_pair(reference, reconstruction)
        pair = resample(reference, sample_rate, SAMPLE_RATE), resample(reconstruction, sample_rate, SAMPLE_RATE)
    except Undefined as error:
        return dict.fromkeys(names, error)
    values: Values = {}
    for measured in (_distances, _coherences):
        try:
            values |= measured(*pair, names)
        except Undefined as error:
            values |= {name: error for name in names if name not in values}
    try:
        check_stereo(reference)
    except Undefined as error:
        values |= {name: error for name in names if name.endswith(("_mid", "_side")) or name == COHERENCES[1]}
    return {name: values[name] for name in names}


def _distances(reference: Audio, reconstruction: Audio, names: Collection[str]) -> Values:
    stereo = reference.shape[0] == 2 and any(name.endswith(("_mid", "_side")) for name in names)
    of = {name: any(wanted.startswith(name) for wanted in names) for name in DISTANCES}
    values: Values = {}
    if of["mel_distance"] or of["stft_distance"]:
        pair = descript.mel_and_stft(reference, reconstruction, mel=of["mel_distance"], stereo=stereo)
        for name, by_signal in zip(DISTANCES, pair, strict=False):
            channels = by_signal[: len(reference)].mean()
            values |= _named(name, np.array([channels, *by_signal[len(reference) :]]))
    if of["mr_stft_auraloss"]:
        values |= _named("mr_stft_auraloss", auraloss.mr_stft(reference, reconstruction, stereo=stereo))
        originals = {"": reference, **({"_mid": mid(reference), "_side": side(reference)} if stereo else {})}
        for part, audio in originals.items():
            if is_silent(audio):
                what = f"the {part[1:]} of the original" if part else "the original"
                values[f"mr_stft_auraloss{part}"] = Undefined(f"{what} is silent")
    return values


def _named(name: str, by_part: np.ndarray) -> Values:
    return {f"{name}{part}": float(value) for part, value in zip(PARTS, by_part, strict=False)}


def _coherences(reference: Audio, reconstruction: Audio, names: Collection[str]) -> Values:
    channel, inter_channel = COHERENCES[0] in names, COHERENCES[1] in names and reference.shape[0] == 2
    if not channel and not inter_channel:
        return {}
    values = coherences(reference, reconstruction, channel=channel, inter_channel=inter_channel)
    return dict(zip(COHERENCES, values, strict=True))


DESCRIPT = "Kumar et al., High-Fidelity Audio Compression with Improved RVQGAN, NeurIPS 2023"
AURALOSS = "Steinmetz and Reiss, auraloss: Audio-focused loss functions in PyTorch, DMRN+15, 2020"
EPSILON = "Wang et al., Back to Ear: Perceptually Driven High Fidelity Music Reconstruction, arXiv:2509.14912, 2025"


def _metric(name: str, title: str, citation: str, higher_is_better: bool = False) -> PairedMetric:
    return PairedMetric(name, title, "", higher_is_better, 3, citation, lambda: "1", alone(measure, name), measure)


DISTANCE_METRICS = tuple(
    _metric(f"{name}{part}", f"{title}{part.replace('_', ', ')}", citation)
    for part in PARTS
    for name, title, citation in (
        ("mel_distance", "Mel distance", DESCRIPT),
        ("stft_distance", "STFT distance", DESCRIPT),
        ("mr_stft_auraloss", "MR-STFT", AURALOSS),
    )
)
COHERENCE_METRICS = (
    _metric("channel_coherence", "Phase coherence", EPSILON, higher_is_better=True),
    _metric("inter_channel_coherence", "Inter-channel coherence", EPSILON, higher_is_better=True),
)
