"""Where the figures of a training are watched: TensorBoard, and Weights & Biases if it was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from m2l_bench.music2latent.files import write_atomically

WANDB_RUN = "wandb-run.txt"
"""File in a run's folder with the id of its run at Weights & Biases."""


class Board(Protocol):
    """A place for figures and audio of iterations."""

    def write(self, iteration: int, figures: Mapping[str, float]) -> None:
        """Add figures."""

    def write_audio(self, iteration: int, examples: Mapping[str, np.ndarray], sample_rate: int) -> None:
        """Add pieces of audio, (samples,), by name."""

    def close(self, failed: bool) -> None:
        """End the session, which an exception may have ended."""


class TensorBoard:
    """Event files in `tensorboard/`; what an earlier session wrote about later iterations is no longer shown."""

    def __init__(self, folder: Path, iteration: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder / "tensorboard"), purge_step=iteration + 1)

    def write(self, iteration: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self.writer.add_scalar(name, value, iteration)
        self.writer.flush()

    def write_audio(self, iteration: int, examples: Mapping[str, np.ndarray], sample_rate: int) -> None:
        for name, samples in examples.items():
            self.writer.add_audio(name, samples, iteration, sample_rate)

    def close(self, failed: bool) -> None:
        self.writer.close()


class WeightsAndBiases:
    """A run at Weights & Biases, named as the folder, which later sessions in the same folder go on with.

    Iterations are its steps. Figures of a step that it has already are not taken again: after a kill they are repeated.

    Args:
        project: name of the project.
        facts: what is known of the run before it starts.

    Raises:
        OSError: Weights & Biases cannot be used; the message says why.
    """

    def __init__(self, folder: Path, project: str, facts: Mapping[str, Any]) -> None:
        import wandb

        known = folder / WANDB_RUN
        id = known.read_text(encoding="utf-8").strip() if known.exists() else None
        try:
            self.run = wandb.init(
                project=project, id=id, resume="allow", name=folder.resolve().name, dir=str(folder), config={**facts}
            )
        except wandb.Error as error:
            reason = " ".join(str(error).split())
            raise OSError(
                f"Weights & Biases cannot be used ({reason}): `wandb login`, WANDB_MODE=offline, or no --wandb"
            ) from error
        if id is None:
            write_atomically(known, f"{self.run.id}\n".encode())

    def write(self, iteration: int, figures: Mapping[str, float]) -> None:
        self.run.log({**figures}, step=iteration)

    def write_audio(self, iteration: int, examples: Mapping[str, np.ndarray], sample_rate: int) -> None:
        from wandb import Audio

        sounds = {name: Audio(samples, sample_rate=sample_rate) for name, samples in examples.items()}
        self.run.log(sounds, step=iteration)

    def close(self, failed: bool) -> None:
        self.run.finish(exit_code=int(failed))
