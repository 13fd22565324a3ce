"""Phase coherence as the evaluation of epsilon-ar-VAE computes it (Wang et al., "Back to Ear", arXiv:2509.14912, 2025;
`eval/eval_compare_matrix.py` of its repository). Both values are from 0 to 1, and 1 for a copy.

- Channel coherence: how well the phases of a channel agree with those of the same channel of the original.
- Inter-channel coherence: how well the phase differences between left and right agree with those of the original.

In each frame, unit vectors with the differences of phase are averaged over frequency, with products of two magnitudes
as weights; the length of the average is the coherence. Frames are averaged with the same weights, and then channels and
the window lengths of 4096 to 512 samples. A phase that is turned by the same angle at all frequencies does not count.

One thing differs: a channel that is silent in one of the two signals is left out, where the original counts it as 0.
"""

from __future__ import annotations

import numpy as np

from m2l_bench.audio import Audio
from m2l_bench.errors import Undefined
from m2l_bench.metrics.stft import check_length, paired_spectra, quarter_hop

WINDOWS = (4096, 2048, 1024, 512)
THRESHOLD = 1e-6
"""Product of two magnitudes below which a phase difference does not count."""


def coherences(
    reference: Audio, reconstruction: Audio, *, channel: bool, inter_channel: bool
) -> tuple[float | Undefined, float | Undefined]:
    """Compute the channel coherence and the inter-channel coherence.

    Args:
        reference, reconstruction: (channels, samples) at 44.1 kHz.
        channel, inter_channel: what to compute; the other result is NaN.

    Raises:
        Undefined: the signals are shorter than half a window.
    """
    check_length(reference.shape[1], quarter_hop(WINDOWS[0]))
    channel_values, inter_values = [], []
    for window in WINDOWS:
        # Sums over frames of coherence times weight and of weights, for each channel and for the pair of channels.
        lengths, weights = np.zeros((2, len(reference)))
        inter_length = inter_weight = 0.0
        for target, output in paired_spectra(reference, reconstruction, quarter_hop(window)):
            if channel:
                product = output * target.conj()
                magnitude = np.abs(product)
                np.copyto(product, 0, where=magnitude <= THRESHOLD)
                lengths += np.abs(product.sum(axis=2)).sum(axis=1)
                weights += magnitude.sum(axis=(1, 2), where=magnitude > THRESHOLD)
            if inter_channel:
                output_pair, target_pair = (block[0] * block[1].conj() for block in (output, target))
                weight, size = np.abs(output_pair), np.abs(target_pair)
                phase = np.divide(target_pair.conj(), size, out=np.ones_like(target_pair), where=size > 0)
                turned = np.where(weight > THRESHOLD, output_pair * phase, 0)
                inter_length += float(np.abs(turned.sum(axis=1)).sum())
                inter_weight += float(weight.sum(where=weight > THRESHOLD))
        if weights.any():
            channel_values.append(np.mean(lengths[weights > 0] / weights[weights > 0]))
        if inter_weight > 0:
            inter_values.append(inter_length / inter_weight)
    return (
        float(np.mean(channel_values)) if channel_values else Undefined("one of the two signals is silent"),
        float(np.mean(inter_values)) if inter_values else Undefined("a channel of the reconstruction is silent"),
    )
