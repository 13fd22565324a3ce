"""What is private of PyTorch and Fabric, and is used, still exists and does what it did."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from m2l_bench.music2latent import private_apis

FOLDER = Path(private_apis.__file__).parent


@pytest.mark.parametrize("dimensions", [1, 2])
def test_a_convolution_with_another_bias(dimensions: int) -> None:
    convolution = (nn.Conv1d, nn.Conv2d)[dimensions - 1](3, 4, 3, padding=1)
    x, bias = torch.randn(2, 3, *[5] * dimensions), torch.randn(4)
    shape = (1, 4, *[1] * dimensions)
    expected = convolution(x) - convolution.bias.reshape(shape) + bias.reshape(shape)
    torch.testing.assert_close(private_apis.convolve(convolution, x, bias), expected)


def test_operations_on_lists() -> None:
    ones, twos = [torch.randn(2, 3), torch.randn(4)], [torch.randn(2, 3), torch.randn(4)]
    between = private_apis.foreach_lerp(ones, twos, 0.3)
    for start, end, result in zip(ones, twos, between, strict=True):
        torch.testing.assert_close(result, torch.lerp(start, end, 0.3))
    norm = torch.cat([one.flatten() for one in ones]).norm()
    torch.testing.assert_close(private_apis.total_norm(ones), norm)
    moved = [one.clone() for one in ones]
    private_apis.foreach_lerp_(moved, twos, 0.3)
    assert all(torch.equal(one, other) for one, other in zip(moved, between, strict=True))
    private_apis.foreach_add_(moved, twos, alpha=2.0)
    for start, end, result in zip(between, twos, moved, strict=True):
        torch.testing.assert_close(result, start + 2 * end)


def test_the_scaler_of_float16() -> None:
    Fabric = private_apis.import_fabric()
    assert private_apis.gradient_scaler(Fabric(accelerator="cpu", precision="bf16-mixed")) is None
    assert hasattr(Fabric(accelerator="cpu"), "_precision")


def test_a_constant_for_the_compiler() -> None:
    def ours() -> int:
        return 1

    def theirs() -> int:
        return 1

    private_apis.constant_when_compiled(ours)
    torch.compiler.assume_constant_result(theirs)
    assert vars(ours) == vars(theirs) != {}


def test_what_takes_seconds_to_import_is_left_out() -> None:
    """In a fresh process: PyTorch's compiler, which only training needs, and torchmetrics, which nothing needs."""
    script = (
        "import sys, torch; from m2l_bench.music2latent import Music2Latent; "
        "model = Music2Latent.from_pretrained('music2latent-mini'); model.decode(model.encode(torch.zeros(9))); "
        "assert 'torch._dynamo' not in sys.modules; "
        "from m2l_bench.music2latent.private_apis import import_fabric; import_fabric(); "
        "assert 'torchmetrics' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_nothing_private_is_used_elsewhere() -> None:
    """Attributes with an underscore of anything but `self` and our own modules."""
    uses = []
    for file in FOLDER.rglob("*.py"):
        if file.name == "private_apis.py":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Attribute) or not re.match(r"_[a-z]", node.attr):
                continue
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                uses.append(f"{file.name}:{node.lineno}: {ast.unparse(node)}")
    assert uses == []
