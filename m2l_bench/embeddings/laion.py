"""The audio tower of a LAION-CLAP checkpoint, in the network of `transformers`.

This way its vectors need no `laion-clap`, which requires torchvision, torchaudio and numpy 1.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import ClapAudioConfig

Tower = Literal["HTSAT-tiny", "HTSAT-base"]
SIZES: dict[str, dict[str, Any]] = {
    "HTSAT-tiny": {"patch_embeds_hidden_size": 96, "hidden_size": 768, "depths": [2, 2, 6, 2]},
    "HTSAT-base": {"patch_embeds_hidden_size": 128, "hidden_size": 1024, "depths": [2, 2, 12, 2]},
}

PARTS = ("audio_branch.", "audio_projection.")
"""Prefixes of the audio tower's tensors."""
UNUSED = ("spectrogram_extractor.", "logmel_extractor.", "tscam_conv.", "head.", "attn_mask")
"""Parts of the audio branch that are not used: the front end, which `transformers` computes; the tagging head; and
masks, which follow from the size of the window."""

NAMES = {
    r"^audio_branch\.": "audio_model.audio_encoder.",
    r"^audio_projection\.0\.": "audio_projection.linear1.",
    r"^audio_projection\.2\.": "audio_projection.linear2.",
    r"\.bn0\.": ".batch_norm.",
    r"\.norm1\.": ".layernorm_before.",
    r"\.norm2\.": ".layernorm_after.",
    r"\.mlp\.fc1\.": ".intermediate.dense.",
    r"\.mlp\.fc2\.": ".output.dense.",
    r"\.attn\.proj\.": ".attention.output.dense.",
    r"\.attn\.": ".attention.self.",
}
"""Patterns in LAION's names, and what `transformers` has in their place."""


def configuration(tower: Tower) -> ClapAudioConfig:
    """Return the configuration of a tower."""
    from transformers import ClapAudioConfig

    return ClapAudioConfig(**SIZES[tower])


def audio_tower(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Select the audio tower of LAION's checkpoint, with the tensor names of `ClapAudioModelWithProjection`."""
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not name.startswith(PARTS) or any(part in name for part in UNUSED):
            continue
        for pattern, replacement in NAMES.items():
            name = re.sub(pattern, replacement, name)
        if ".qkv." in name:  # three matrices stacked in one
            for part, rows in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                renamed[name.replace("qkv", part)] = rows
        else:
            renamed[name] = tensor
    return renamed
