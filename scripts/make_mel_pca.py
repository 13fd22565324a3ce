"""Compute the basis of the codec `mel-pca` from a folder of music.

    python scripts/make_mel_pca.py corpus_audio -o m2l_bench/codecs/weights/mel_pca.safetensors

The basis that ships was made from the 239 excerpts, 4.4 hours, of `scripts/training_corpus.csv`, which
`scripts/build_training_corpus.py` rebuilds; no bundled clip is among them. Channels are mixed to mono. Every patch
counts once: the components are the eigenvectors of the covariance of all log-mel patches.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from m2l_bench.audio import read, resample, to_mono
from m2l_bench.codecs.mel_pca import BANDS, COLUMNS, WIDTH, WINDOW, MelPca, mel_bands, patches


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    size = COLUMNS * BANDS
    total, products, count = torch.zeros(size).double(), torch.zeros(size, size).double(), 0
    for path in sorted(path for path in arguments.folder.rglob("*") if path.suffix in (".opus", ".flac", ".wav")):
        audio, rate = read(path)
        mono = torch.from_numpy(resample(to_mono(audio), rate, MelPca.sample_rate))
        frames = patches(mono, mel_bands(), torch.hann_window(WINDOW))[0].double()
        total += frames.sum(dim=1)
        products += frames @ frames.T
        count += frames.shape[1]
        print(f"{path.name}: {count:,} patches", file=sys.stderr)
    mean = total / count
    values, vectors = torch.linalg.eigh(products / count - mean.outer(mean))
    components = vectors.T.flip(0)[:WIDTH]
    # The sign of an eigenvector is arbitrary: the sum of each is made positive.
    components = components * torch.where(components.sum(dim=1, keepdim=True) < 0, -1.0, 1.0)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {"mean": mean.float().contiguous(), "components": components.float().contiguous()},
        arguments.out,
        metadata={"patches": str(count), "explained": f"{float(values.flip(0)[:WIDTH].sum() / values.sum()):.4f}"},
    )
    print(f"{count:,} patches; {WIDTH} components have {float(values.flip(0)[:WIDTH].sum() / values.sum()):.1%}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
