"""What each part of Music2Latent's inference form is worth: seconds with all of them, and with each left out.

python benchmarks/codec_gains.py --json gains.json
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from random_music2latent import load_ours, load_package, music, random_networks
from timing import in_turn, machine

from m2l_bench.music2latent import autoencoder, inference, kernels

LOW = "bfloat16"
CASES: dict[str, tuple[str, list[str]]] = {
    "everything": (LOW, []),
    "without fused normalisation": (LOW, ["fused normalisation"]),
    "without sub-pixel upsampling": (LOW, ["sub-pixel upsampling"]),
    "without folded connections": (LOW, ["folded connections"]),
    "without keeping freed memory": (LOW, ["keeping freed memory"]),
    "without bfloat16": ("float32", []),
    "the networks as they are trained": ("float32", ["the whole form", "keeping freed memory"]),
}


def _as_it_is(part: Any) -> Any:
    return part


@contextlib.contextmanager
def without(parts: list[str]) -> Iterator[None]:
    patches: dict[str, contextlib.AbstractContextManager[object]] = {
        "fused normalisation": mock.patch.object(kernels, "available", lambda: False),
        "sub-pixel upsampling": mock.patch.object(inference, "SubPixelUpsample", _as_it_is),
        "folded connections": mock.patch.object(inference, "FoldedCrossConnection", _as_it_is),
        "keeping freed memory": mock.patch.object(autoencoder, "reuse_freed_memory", contextlib.nullcontext),
        "the whole form": mock.patch.object(autoencoder, "inference_form", lambda networks, dtype: networks),
    }
    with contextlib.ExitStack() as stack:
        for part in parts:
            stack.enter_context(patches[part])
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the clip")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    networks, waveform = random_networks(), music(arguments.seconds)

    def medians(name: str, codec: Any, **framing: bool) -> dict[str, float]:
        encoded = codec.encode(waveform, **framing)
        calls = {
            "encode": lambda: codec.encode(waveform, **framing),
            "decode": lambda: codec.decode(encoded, **framing),
        }
        row = {verb: statistics.median(times) for verb, times in in_turn(calls, arguments.rounds).items()}
        print(name, row, file=sys.stderr)
        return row

    rows = {}
    for name, (precision, parts) in CASES.items():
        with without(parts):
            rows[name] = medians(name, load_ours(networks, precision), strict=True)
    rows["the authors' package"] = medians("the authors' package", load_package(networks))
    text = json.dumps({"machine": machine(), "clip_seconds": arguments.seconds, "seconds": rows}, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
