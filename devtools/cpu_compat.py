"""torchvision and torchaudio made for CUDA, imported beside a torch made for the CPU.

PyPI has no CPU builds of them that fit a CPU torch, and their native extensions do not load beside one. `laion-clap`
imports both but calls neither's extensions for checkpoints without fusion, so it is enough to let the imports through.
Does nothing where the extensions load.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
"""What torchvision registers shapes for while it is imported, whether its extension has loaded or not."""


def install() -> list[Any]:
    """Prepare both imports; what is returned must be kept as long as they are used."""
    kept: list[Any] = []
    if not _loads("torchvision", "_C*.so"):
        library = torch.library.Library("torchvision", "DEF")
        for operator in OPERATORS:
            library.define(operator)
        kept.append(library)
    if not _loads("torchaudio", "lib/_torchaudio*.so"):
        sys.modules["torchaudio._extension"] = _no_extension()
    return kept


def _loads(package: str, pattern: str) -> bool:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None or package in sys.modules:
        return True
    try:
        for library in Path(spec.origin).parent.glob(pattern):
            torch.ops.load_library(str(library))
    except OSError:
        return False
    return True


def _no_extension() -> ModuleType:
    """What `torchaudio._extension` offers where torchaudio was built without extensions."""
    module: Any = ModuleType("torchaudio._extension")
    module._IS_TORCHAUDIO_EXT_AVAILABLE = module._IS_ALIGN_AVAILABLE = False
    module._check_cuda_version = lambda: None
    module.fail_if_no_align = lambda function: function
    return module
