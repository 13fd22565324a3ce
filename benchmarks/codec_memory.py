"""Peak memory and time of `m2l-bench encode` and `decode` for stereo files of more and more minutes.

python benchmarks/codec_memory.py --minutes 1 3 10 --json memory.json
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile
from random_music2latent import SAMPLE_RATE, music, random_networks
from timing import machine

from m2l_bench.music2latent import checkpoint


def measure(command: list[str | Path]) -> tuple[float, float]:
    """Peak resident memory in MB (10^6 bytes) and seconds of one command."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "m2l_bench", *command])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {command}")
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * unit / 1e6, time.perf_counter() - started


def write_song(path: Path, minutes: float) -> None:
    """Ten seconds of music again and again, written as it goes."""
    block = music(10, batch=2).numpy().T
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, channels=2) as file:
        for _ in range(round(6 * minutes)):
            file.write(block)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0, 3.0, 10.0])
    parser.add_argument("--precision", default="bfloat16", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint.save(random_networks(), folder / "weights")
        for minutes in arguments.minutes:
            song, latents, back = folder / "song.wav", folder / "song.safetensors", folder / "back.wav"
            write_song(song, minutes)
            options = ["--precision", arguments.precision, "--weights", folder / "weights"]
            row = {"minutes": minutes}
            row["encode_peak_mb"], row["encode_seconds"] = measure(["encode", song, "-o", latents, *options])
            row["decode_peak_mb"], row["decode_seconds"] = measure(["decode", latents, "-o", back, *options])
            rows.append(row)
            print(row, file=sys.stderr)
    text = json.dumps({"machine": machine(), "precision": arguments.precision, "files": rows}, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
