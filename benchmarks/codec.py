"""Music2Latent against the authors' package: seconds to encode and to decode a clip.

    pip install -e ".[test]"                                  # brings music2latent==0.1.8
    python benchmarks/codec.py --json codec.json
    python benchmarks/codec.py --device cuda --batch 32       # real-time factors on a GPU
    python benchmarks/codec.py --models all --seconds 3       # every codec of the cards: see all_codecs.py

Full size, random weights, the same in both; ours and theirs in turn in one process, medians, ratios round by round.
`encode_ratio` and `decode_ratio` are those of `--precision`; float32 stands beside them.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from random_music2latent import load_ours, load_package, music, random_networks
from timing import in_turn, machine
from torch import Tensor

from m2l_bench.music2latent import PUBLISHED_LATENT_SCALE


def compare(seconds: float, rounds: int, precision: str, device: str, batch: int) -> dict[str, Any]:
    """Times and ratios, how far our float32 lies from the package, and our other precision from our float32."""
    networks = random_networks()
    package = load_package(networks, device)
    models = {name: load_ours(networks, name, device, batch) for name in dict.fromkeys(["float32", precision])}
    waveform = music(seconds, batch)
    latents = models["float32"].encode(waveform, strict=True)
    encode: dict[str, Callable[[], Any]] = {
        "official": lambda: package.encode(waveform, max_batch_size=batch).cpu() * PUBLISHED_LATENT_SCALE
    }
    decode: dict[str, Callable[[], Any]] = {
        "official": lambda: package.decode(latents / PUBLISHED_LATENT_SCALE, max_batch_size=batch).cpu()
    }
    for name, model in models.items():
        encode[name] = partial(model.encode, waveform, strict=True)
        decode[name] = partial(model.decode, latents, strict=True)
    result: dict[str, Any] = {"clip_seconds": seconds, "batch": batch, "precision": precision}
    times = {"encode": in_turn(encode, rounds), "decode": in_turn(decode, rounds)}
    for suffix, name in (("", precision), ("_float32", "float32")):
        for verb, measured in times.items():
            result[f"{verb}_ratio{suffix}"] = statistics.median(
                theirs / ours for theirs, ours in zip(measured["official"], measured[name], strict=True)
            )
            result[f"{verb}_seconds{suffix}"] = statistics.median(measured[name])
            result[f"{verb}_real_time_factor{suffix}"] = batch * seconds / statistics.median(measured[name])
    for verb, measured in times.items():
        result[f"{verb}_seconds_official"] = statistics.median(measured["official"])
    outputs = {"encode": {name: call() for name, call in encode.items()}, "decode": _with_equal_noise(decode)}
    for verb, output in outputs.items():
        if device == "cpu":  # on a GPU the package draws other noise
            result[f"{verb}_difference_from_official_float32"] = relative(output["float32"], output["official"])
        result[f"{verb}_error_of_{precision}"] = relative(output[precision], output["float32"])
    return result | {"seconds_of_each_round": times}


def _with_equal_noise(decode: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    outputs = {}
    for name, call in decode.items():
        torch.manual_seed(0)
        outputs[name] = call()
    return outputs


def relative(ours: Tensor, theirs: Tensor) -> float:
    return float((ours.double() - theirs.double()).norm() / theirs.double().norm())


def of_all(arguments: argparse.Namespace) -> None:
    from all_codecs import markdown, measure_all, write_csv  # which takes seconds

    rows = measure_all(arguments.models, arguments.seconds, arguments.rounds, arguments.device)
    print(machine(arguments.device), markdown(rows), sep="\n\n")
    if arguments.csv:
        write_csv(rows, arguments.csv)
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine(arguments.device), "systems": rows}, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the clip")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", default="bfloat16", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=1, help="clips at once")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--models", help="cards separated by commas, or `all`: each beside the call it wraps")
    parser.add_argument("--csv", type=Path, help="with --models")
    arguments = parser.parse_args()
    if arguments.models:
        of_all(arguments)
        return
    result = {"machine": machine(arguments.device)} | compare(
        arguments.seconds, arguments.rounds, arguments.precision, arguments.device, arguments.batch
    )
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
