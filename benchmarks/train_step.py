"""A training step against the authors' trainer: crops a second, share of the hardware's limit, and the data alone.

    pip install --no-deps --target official-0.1.7 music2latent==0.1.7
    python benchmarks/train_step.py --official official-0.1.7 --json train_step.json
    python benchmarks/train_step.py --official official-0.1.7 --device cuda --batch 16 --compile

Full size, the authors' optimiser (RAdam) and average in both; a step is spectrogram, forward, backward, update. Ours
and theirs in turn in one process, medians, ratios round by round. Theirs has mixed precision (float16) on GPUs only.
Other sizes (`--preset`) are ours alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import torch
from timing import in_turn, machine
from torch.utils.flop_counter import FlopCounterMode

from m2l_bench.music2latent import PRESETS, Config
from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.official import to_official
from m2l_bench.music2latent.training.compilation import compile_blocks
from m2l_bench.music2latent.training.corpus import Corpus, Crop, File, Index, Mixture, Shard
from m2l_bench.music2latent.training.ema import Average
from m2l_bench.music2latent.training.objective import Batch, Objective, prepare
from m2l_bench.music2latent.training.optimisers import make_optimisers
from m2l_bench.music2latent.training.recipe import RECIPES, Recipe

UNUSED_BY_A_STEP = ["laion_clap", "librosa", "matplotlib", "matplotlib.pyplot", "resampy", "torchaudio"]
OFFICIAL, RECIPE = PRESETS["official"], RECIPES["paper"]
Step = Callable[[], Any]


def crop_samples(config: Config) -> int:
    return (RECIPE.crop_frames + 3) * config.hop


def random_crops(count: int, config: Config = OFFICIAL) -> list[Crop]:
    random = np.random.default_rng(0)
    audio = (3000 * random.standard_normal((count, crop_samples(config)))).astype(np.int16)
    return [Crop(audio[i], (random.random(), random.random()), i) for i in range(count)]


def our_step(
    batch: int,
    device: torch.device,
    dtype: torch.dtype,
    compile: bool,
    config: Config = OFFICIAL,
    recipe: Recipe = RECIPE,
) -> Step:
    torch.manual_seed(0)
    networks = Networks(config).train().to(device)
    for module in networks.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average, optimisers = Average(networks), make_optimisers(networks, recipe)
    objective = Objective(networks)
    if compile:
        compile_blocks(networks)
    crops = Batch.of(random_crops(batch, config))
    crops = crops.pinned() if device.type == "cuda" else crops

    def step() -> None:
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            loss = objective(*prepare(crops, recipe.initial_step, config, recipe, device)).mean()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        average.update(networks, recipe)

    return step


def official_step(package: Path, batch: int, compile: bool) -> Step:
    """The authors' `train_it`; what it imports for plots and Fréchet distances is replaced by nothing."""
    sys.path.insert(0, str(package))
    sys.modules.update({name: MagicMock() for name in UNUSED_BY_A_STEP})
    from music2latent.hparams import hparams

    hparams.compile_model = compile
    hparams.mixed_precision = torch.cuda.is_available()
    hparams.torch_compile_cache_dir = None
    from music2latent import misc, train

    misc.ddp_sync = lambda *arguments: nullcontext()
    trainer = train.Trainer.__new__(train.Trainer)
    trainer.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    trainer.save_path, trainer.step, trainer.writer = None, 0, MagicMock()
    trainer.get_models()
    torch.manual_seed(0)
    trainer.gen.load_state_dict(to_official(Networks(OFFICIAL).state_dict(), OFFICIAL))
    trainer.gen.train()
    trainer.dl = [None] * 1000
    audio = torch.from_numpy(np.stack([crop.audio for crop in random_crops(batch)])).to(trainer.device) / 32_768

    def step() -> None:
        trainer.train_it(audio)
        trainer.it += 1

    return step


def flops_of_a_crop(config: Config) -> int:
    """Counted operations of forward and backward, for one crop."""
    networks = Networks(config).train()
    inputs = prepare(Batch.of(random_crops(1, config)), RECIPE.initial_step, config, RECIPE, torch.device("cpu"))
    with FlopCounterMode(display=False) as counter:
        Objective(networks)(*inputs).mean().backward()
    return int(counter.get_total_flops())


def matrix_flops(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of a large matrix product: the limit a step is held against."""
    size = 8192 if device.type == "cuda" else 1024
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    times = in_turn({"product": lambda: a @ b}, 10)["product"]
    return float(2 * size**3 / min(times))


def seconds_of(step: Step) -> float:
    """Duration of one step, compilation included."""
    started = time.perf_counter()
    step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def crops_a_second(minutes: float, batch: int, seconds: float) -> float:
    """Batches drawn from a packed corpus, as training draws them: one thread, without a model."""
    samples = round(minutes * 60 * OFFICIAL.sample_rate)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        audio = (3000 * np.random.default_rng(0).standard_normal(2 * samples)).astype(np.int16)
        audio.tofile(folder / "shard.i16")
        file = File("noise.wav", "shard.i16", 0, samples, 2, OFFICIAL.sample_rate, 0, "")
        Index([Shard("shard.i16", 2 * samples, "")], [file], {}).write(folder)
        mixture = Mixture([Corpus(folder, crop_samples(OFFICIAL))], [1.0], 0, RECIPE.minimum_rms)
        started, drawn = time.perf_counter(), 0
        while time.perf_counter() - started < seconds:
            Batch.of([mixture.crop(drawn + item) for item in range(batch)])
            drawn += batch
        return drawn / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", type=Path, help="Folder that holds music2latent 0.1.7.")
    parser.add_argument("--preset", default="official", choices=sorted(PRESETS), help="Size of ours.")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true", help="Both sides.")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.official and arguments.preset != "official":
        parser.error("theirs has one size: leave --preset out")
    device, config = torch.device(arguments.device), PRESETS[arguments.preset]
    result: dict[str, Any] = {"machine": machine(arguments.device), "preset": arguments.preset}
    result["batch"] = arguments.batch
    result["data_crops_per_second"] = crops_a_second(10, 16, 5)
    steps = {
        name: our_step(arguments.batch, device, dtype, arguments.compile, config)
        for name, dtype in (("bfloat16", torch.bfloat16), ("float32", torch.float32))
    }
    if arguments.official:
        steps["official"] = official_step(arguments.official.resolve(), arguments.batch, arguments.compile)
    result["first_step_seconds"] = {name: seconds_of(step) for name, step in steps.items()}
    times = in_turn(steps, arguments.rounds)
    result["gflop_per_crop"] = flops_of_a_crop(config) / 1e9
    for name, dtype in (("bfloat16", torch.bfloat16), ("float32", torch.float32)):
        seconds = statistics.median(times[name])
        limit = matrix_flops(device, dtype)
        result[f"crops_per_second_{name}"] = arguments.batch / seconds
        result[f"matrix_gflops_{name}"] = limit / 1e9
        result[f"utilisation_{name}"] = result["gflop_per_crop"] * 1e9 * arguments.batch / seconds / limit
        if arguments.official:
            ratios = [theirs / ours for theirs, ours in zip(times["official"], times[name], strict=True)]
            result[f"ratio_{name}"] = statistics.median(ratios)
    if arguments.official:
        result["crops_per_second_official"] = arguments.batch / statistics.median(times["official"])
    result["seconds_of_each_round"] = times
    print(json.dumps(result, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
