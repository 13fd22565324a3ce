"""Music2Latent (Pasini, Lattner, Fazekas, ISMIR 2024): a consistency autoencoder for music. Usable alone.

| read | beside |
|---|---|
| `config` | every hyperparameter |
| `spectrogram` | Section 4.1, Eq. 5 |
| `blocks`, `networks` | Sections 4.2 and 4.4, Eq. 2, 6 to 8, 10 |
| `consistency` | Sections 3 and 4.3, Eq. 2, 9, 11 to 14, and the sampler |
| `autoencoder` | waveforms of any length |
| `inference`, `kernels`, `fused_norm`, `triton_norm`, `allocator` | the same networks, faster |
| `private_apis` | what is private of PyTorch and Fabric |
| `checkpoint`, `official`, `names`, `hub` | weights on disk, in this package and on the hub |
| `publishing`, `model_card` | uploads to the hub |
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from m2l_bench.music2latent.autoencoder import Music2Latent
    from m2l_bench.music2latent.checkpoint import Checkpoint
    from m2l_bench.music2latent.config import PRESETS, PUBLISHED_LATENT_SCALE, Config
    from m2l_bench.music2latent.errors import CheckpointError

__all__ = ["PRESETS", "PUBLISHED_LATENT_SCALE", "Checkpoint", "CheckpointError", "Config", "Music2Latent"]

_MODULES = {
    "Checkpoint": "checkpoint",
    "CheckpointError": "errors",
    "Config": "config",
    "Music2Latent": "autoencoder",
    "PRESETS": "config",
    "PUBLISHED_LATENT_SCALE": "config",
}


def __getattr__(name: str) -> Any:
    """Import a name on its first use: asking whether weights are on this machine (`hub`) needs no torch."""
    import importlib

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
