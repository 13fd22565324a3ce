"""The audio tower of a LAION-CLAP checkpoint, in the network of `transformers`.

So that its vectors can be had without `laion-clap`, which needs torchvision, torchaudio and numpy 1.
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
UNUSED = ("spectrogram_extractor.", "logmel_extractor.", "tscam_conv.", "head.", "attn_mask")
"""Within the audio branch: the front end, which we compute otherwise; the tagging head; masks, which follow from the
size of the window."""

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


def configuration(tower: Tower) -> ClapAudioConfig:
    from transformers import ClapAudioConfig

    return ClapAudioConfig(**SIZES[tower])


def audio_tower(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names of LAION's checkpoint -> names of `ClapAudioModelWithProjection`; text tower and head are left out."""
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not name.startswith(PARTS) or any(part in name for part in UNUSED):
            continue
        for pattern, replacement in NAMES.items():
            name = re.sub(pattern, replacement, name)
        if ".qkv." in name:  # one matrix for three, stacked
            for part, rows in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                renamed[name.replace("qkv", part)] = rows
        else:
            renamed[name] = tensor
    return renamed
