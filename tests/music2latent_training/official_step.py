"""One training step of the authors' trainer (music2latent 0.1.7), in a process of its own.

python official_step.py PACKAGE FOLDER

The package's name is that of the newer one the other tests compare with, hence the process. What it imports for its
Fréchet distances and plots takes no part in a step and is replaced by nothing. Reads FOLDER/inputs.pt, writes
FOLDER/outputs.pt.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import torch

UNUSED = ["laion_clap", "librosa", "matplotlib", "matplotlib.pyplot", "resampy", "torchaudio"]


def main(package: str, folder: Path) -> None:
    sys.path.insert(0, package)
    sys.modules.update({name: MagicMock() for name in UNUSED})
    inputs = torch.load(folder / "inputs.pt", weights_only=True)
    from music2latent.hparams import hparams

    for name, value in {**inputs["hparams"], "compile_model": False, "mixed_precision": False}.items():
        setattr(hparams, name, value)
    from music2latent import misc, train, utils

    misc.ddp_sync = lambda *arguments: nullcontext()
    trainer = train.Trainer.__new__(train.Trainer)
    trainer.device, trainer.save_path, trainer.step, trainer.writer = torch.device("cpu"), None, 0, MagicMock()
    trainer.get_models()
    trainer.gen.load_state_dict(inputs["weights"])
    trainer.gen.train()
    trainer.dl = [None] * 100
    seen: dict[str, Any] = {}
    forward = trainer.forward_pass_consistency

    def recorded(clean: torch.Tensor, noisy: torch.Tensor, noisier: torch.Tensor, low: Any, high: Any) -> torch.Tensor:
        seen.update(clean=clean, noisy=noisy, noisier=noisier, sigma_low=low, sigma_high=high)
        return forward(clean, noisy, noisier, low, high)

    trainer.forward_pass_consistency = recorded
    trainer.it = 0
    hparams.accumulate_gradients = 2  # keeps the gradients of this step
    hparams.total_iters, hparams.warmup_steps = inputs["total_iters"], inputs["warmup_steps"]
    torch.manual_seed(inputs["seed"])
    loss = trainer.train_it(inputs["audio"])
    gradients = {name: p.grad for name, p in trainer.gen.named_parameters() if p.grad is not None}
    schedule = []
    for iteration in inputs["iterations"]:
        trainer.it = iteration
        trainer.update_learning_rate()
        schedule.append((utils.get_step_schedule(iteration), float(trainer.optimizer.param_groups[0]["lr"])))
    noise_weights = utils.get_sampling_weights(10_000, device="cpu")
    updates = follow(trainer, inputs["updates"])
    outputs = {"loss": loss, "gradients": gradients, "schedule": schedule, "noise_weights": noise_weights, **seen}
    torch.save({**outputs, **updates}, folder / "outputs.pt")


def follow(trainer: Any, gradients: torch.Tensor) -> dict[str, torch.Tensor]:
    """Optimiser and average over several updates of one vector with given gradients (updates, size)."""
    from music2latent.hparams import hparams

    vector = torch.nn.Parameter(torch.zeros(gradients.shape[1]))
    average = type(trainer.ema)([vector], hparams.ema_momentum, hparams.warmup_ema)
    optimiser = torch.optim.RAdam([vector], hparams.lr, (hparams.optimizer_beta1, hparams.optimizer_beta2))
    for gradient in gradients:
        vector.grad = gradient
        optimiser.step()
        average.update()
    return {"vector": vector.detach(), "average": average.shadow_params[0]}


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
