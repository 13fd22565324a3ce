"""A sentence about each figure, for readers who do not know it; page and report show it at the head of a column."""

from __future__ import annotations

from m2l_bench.metrics import kernel_metric, metric

SENTENCES = {
    "si_sdr_db": "Scale-invariant signal-to-distortion ratio: how near the samples are to the original's.",
    "visqol": "Opinion score that ViSQOL predicts, from 1 (bad) to 4.73 (like the original).",
    "zimtohrli": "Opinion score that Zimtohrli predicts for small differences, from 1 (bad) to 5 (like the original).",
    "mel_distance": "How far mel spectra are apart on a logarithmic scale, as in the evaluation of Descript's codec.",
    "stft_distance": "How far magnitudes and their logarithms are apart, as in the evaluation of Descript's codec.",
    "mr_stft_auraloss": "How far spectra of three resolutions are apart, with the defaults of auraloss.",
    "log_spectral_distance_db": "Log-spectral distance: how many decibels the levels of spectra are apart.",
    "channel_coherence": "How well phases agree with those of the original, from 0 to 1.",
    "inter_channel_coherence": "How well phases between left and right agree with the original's, from 0 to 1.",
    "width_difference_db": "Energy of the side (left minus right) against the original's: below zero is narrower.",
    "loudness_difference_lu": "Loudness against the original's: below zero is quieter.",
    "loudness_range_difference_lu": "Range of loudness against the original's: below zero is more even.",
    "true_peak_difference_db": "Highest peak, also between the samples, against the original's.",
    "dc_difference_pct": "Constant offset that was added or lost, in percent of full scale.",
    "clipping_difference_pct": "Share of samples at full scale against the original's: above zero is clipped more.",
    "delay_samples": "Delay against the original: above zero is late. Clips that do not correlate have none.",
    "si_sdr_aligned_db": "SI-SDR after the delay is removed.",
}
PARTS = {"_mid": "Of the mid (left plus right).", "_side": "Of the side (left minus right)."}
DISTANCE = "Fréchet audio distance: how far all reconstructions together are from all originals, in an embedding."
KERNEL = (
    "Kernel audio distance: how far all reconstructions together are from all originals, in an embedding, also where "
    "sets are too small for a Fréchet distance. It is about zero, or slightly below, for equal sets."
)


def explanation(name: str) -> str:
    """Explain a metric in a few short sentences; the last says which way is better."""
    direction = metric(name).direction.capitalize() + "."
    if name.startswith("fad"):
        return f"{DISTANCE} {direction}"
    if kernel_metric(name):
        return f"{KERNEL} {direction}"
    part = next((part for part in PARTS if part in name), "")
    sentence = SENTENCES[name.replace(part, "")]
    return " ".join(filter(None, (sentence, PARTS.get(part), direction)))
