"""What only a GPU shows: `make test-gpu`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.audio import music, write

from m2l_bench.music2latent import Checkpoint, Music2Latent, fused_norm
from m2l_bench.music2latent.autoencoder import CHUNK_LATENTS
from m2l_bench.music2latent.blocks import Norm
from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.training.corpus import Corpus, Mixture
from m2l_bench.music2latent.training.loop import Settings, Validation, initial_state, train
from m2l_bench.music2latent.training.objective import Batch, Objective, prepare
from m2l_bench.music2latent.training.optimisers import make_optimisers
from m2l_bench.music2latent.training.pack import pack
from m2l_bench.music2latent.training.recipe import Recipe

from .conftest import SMALL

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
]
RECIPE = Recipe(crop_frames=16, batch_size=4, iterations=6, warmup_iterations=2, optimiser="muon")


@pytest.fixture(autouse=True)
def exact_products() -> Iterator[None]:
    """Without TF32, which PyTorch allows in convolutions."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    torch.manual_seed(0)
    networks = Networks(SMALL).eval()
    for parameter in networks.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    return Checkpoint(networks, Path("random"), "")


def relative(ours: torch.Tensor, exact: torch.Tensor) -> float:
    assert ours.shape == exact.shape
    return float((ours - exact).norm() / exact.norm())


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 0.05), (torch.float16, 0.01)])
def test_a_gpu_gives_what_a_cpu_gives(
    checkpoint: Checkpoint, dtype: torch.dtype, tolerance: float, strict: bool
) -> None:
    host, device = Music2Latent(checkpoint), Music2Latent(checkpoint, "cuda", dtype)
    audio = music(0.7, channels=3)
    latents = host.encode(audio, strict)
    assert relative(device.encode(audio, strict), latents) < tolerance
    assert relative(device.features(audio, strict), host.features(audio, strict)) < tolerance
    ours, exact = (
        model.decode(latents, generator=torch.Generator().manual_seed(0), strict=strict) for model in (device, host)
    )
    assert ours.dtype == torch.float32
    assert relative(ours, exact) < tolerance


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_graphs_give_what_calls_give(checkpoint: Checkpoint, dtype: torch.dtype) -> None:
    plain, replayed = (Music2Latent(checkpoint, "cuda", dtype, batch_size=2) for _ in range(2))
    plain.replays = None
    audio = music(0.5, channels=3)  # several chunks, in batches of two and of one
    assert replayed.latents_for(audio.shape[1]) > 2 * CHUNK_LATENTS
    for _ in range(2):
        latents = plain.encode(audio)
        torch.testing.assert_close(replayed.encode(audio), latents, rtol=0, atol=1e-5)
        torch.testing.assert_close(replayed.features(audio), plain.features(audio), rtol=0, atol=1e-4)
        for steps in (1, 2):
            again, exact = (
                model.decode(latents, steps=steps, generator=torch.Generator("cuda").manual_seed(steps))
                for model in (replayed, plain)
            )
            torch.testing.assert_close(again, exact, rtol=0, atol=1e-4)
    assert replayed.replays is not None and not replayed.replays.refused
    assert None not in replayed.replays.graphs.values()


@pytest.mark.parametrize("swish", [True, False])
def test_fused_normalisation_and_its_gradients(swish: bool) -> None:
    if not fused_norm.available(torch.device("cuda", 0)):
        pytest.skip("Triton is not installed, or not for this GPU")
    norm = Norm(48, swish).cuda()
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(3, 48, 20, 30, device="cuda", requires_grad=True)
    gradient = torch.randn_like(x)
    results = []
    for double in (False, True):
        module = norm.double().cpu() if double else norm
        inputs = x.detach().double().cpu().requires_grad_() if double else x
        out = module(inputs)
        out.backward(gradient.to(out))
        results.append([out.detach(), inputs.grad, module.weight.grad.clone(), module.bias.grad.clone()])
        module.zero_grad()
    for ours, exact in zip(*results, strict=True):
        assert relative(ours.double().cpu(), exact.double()) < 1e-5


def test_a_step_does_not_wait() -> None:
    networks = Networks(SMALL).cuda()
    crops = Batch(
        torch.ones(4, (RECIPE.crop_frames + 3) * SMALL.hop, dtype=torch.int16),
        torch.full((4, 2), 0.5, dtype=torch.float64),
        (0, 1, 2, 3),
    ).pinned()
    optimisers, objective = make_optimisers(networks, RECIPE), Objective(networks)

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            loss = objective(*prepare(crops, 0.1, SMALL, RECIPE, torch.device("cuda"))).mean()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()

    step()  # allocations and choices of kernels may wait
    torch.cuda.set_sync_debug_mode("error")
    try:
        step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_training_with_validation(tmp_path: Path, precision: str) -> None:
    from lightning_fabric import Fabric

    write(tmp_path / "music" / "song.wav", music(1.0))
    pack(tmp_path / "music", tmp_path / "corpus")
    recipe = replace(RECIPE, optimiser="adam" if precision == "16-mixed" else "muon")
    corpus = Corpus(tmp_path / "corpus", (recipe.crop_frames + 3) * SMALL.hop)
    validated = []

    def validate(model: Music2Latent) -> Validation:
        audio = model.decode(model.encode(np.zeros(3000)), generator=torch.Generator(model.device))
        validated.append(bool(audio.isfinite().all()))
        return Validation({"answer": 42.0})

    result = train(
        initial_state(SMALL, recipe, 0),
        Mixture([corpus], [1.0], 0, 0.001),
        Settings(tmp_path / "run", validate=validate),
        Fabric(accelerator="cuda", devices=1, precision=precision),
    )
    assert result.iteration == 6
    assert all(tensor.isfinite().all() for tensor in result.weights.values())
    assert validated == [True, True]
