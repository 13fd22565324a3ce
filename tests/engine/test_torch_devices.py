"""Names of devices, the number type that `auto` means, and threads that read ahead."""

from __future__ import annotations

import time

import pytest
import torch

from m2l_bench.engine.prefetch import prefetched
from m2l_bench.engine.torch_devices import torch_devices
from m2l_bench.errors import UserError
from m2l_bench.systems.precision import number_type


def test_names_of_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert torch_devices("auto") == ["cpu"] and torch_devices("cpu, cpu") == ["cpu", "cpu"]
    for name in ("cuda", "cuda:1", "cpu,cuda"):
        with pytest.raises(UserError, match=f"--device {name}: PyTorch sees no GPU here"):
            torch_devices(name)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert torch_devices("auto") == torch_devices("cuda") == ["cuda:0", "cuda:1", "cuda:2"]
    assert torch_devices("cuda:0,cuda:2") == ["cuda:0", "cuda:2"]
    for name in ("cuda:3", "gpu", "", "cuda:0,"):
        with pytest.raises(UserError, match="is not one of the devices cpu, cuda:0, cuda:1, cuda:2"):
            torch_devices(name)


def test_the_number_type_that_auto_means(monkeypatch: pytest.MonkeyPatch) -> None:
    capabilities = {"cuda:0": (9, 0), "cuda:1": (7, 5)}
    monkeypatch.setattr(torch.cuda, "get_device_capability", capabilities.__getitem__)
    assert number_type("auto", ["cuda:0"]) == "bfloat16"
    assert number_type("auto", ["cuda:0", "cuda:1"]) == number_type("auto", ["cpu"]) == "float32"
    assert number_type("float16", ["cpu"]) == "float16"


def test_reading_ahead_is_bounded_and_an_exception_stays_with_its_item() -> None:
    begun: list[int] = []

    def read(number: int) -> int:
        begun.append(number)
        if number == 1:
            raise ValueError("bad")
        return number * number

    futures = prefetched(read, range(9), ahead=2, threads=2)
    assert next(futures).result() == 0
    time.sleep(0.05)
    assert sorted(begun) == [0, 1, 2]
    with pytest.raises(ValueError, match="bad"):
        next(futures).result()
    assert next(futures).result() == 4
    futures.close()
    time.sleep(0.05)
    assert len(begun) <= 5
