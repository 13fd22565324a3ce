"""Formats of volumes, by the name that `m2l-bench encode --format` takes."""

from m2l_bench.extras import require
from m2l_bench.latents.formats.base import Format, check_entry, describe
from m2l_bench.latents.formats.folders import Npy, Safetensors, Zarr
from m2l_bench.latents.formats.webdataset import WebDataset

FORMATS: dict[str, Format] = {
    "safetensors": Safetensors(),
    "webdataset": WebDataset(),
    "npy": Npy(),
    "zarr": Zarr(),
}

__all__ = ["FORMATS", "Format", "check_entry", "describe", "load_format"]


def load_format(name: str) -> Format:
    """Get a format by its name, when the package that it needs is installed.

    Raises:
        ModuleNotFoundError: it is not; `extras.explain_missing_package` has the words for it.
    """
    format = FORMATS[name]
    if format.extra:
        require(format.extra)
    return format
