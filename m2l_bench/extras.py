"""Packages that only some commands need, and the extra of m2l-bench that installs each."""

from __future__ import annotations

from importlib.util import find_spec

EXTRAS = {
    "jinja2": "plot",
    "matplotlib": "plot",
    "mir_eval": "probe",
    "ray": "cluster",
    "sklearn": "probe",
    "lightning_fabric": "train",
    "tensorboard": "train",
    "wandb": "wandb",
    "zarr": "zarr",
    "zimtohrli": "metrics",
}
"""Extra by the name under which a package is imported."""


def require(extra: str) -> None:
    """Check that the packages of an extra are installed, before any work that needs them at its end.

    Raises:
        ModuleNotFoundError: one is missing; `explain_missing_package` has the words for it.
    """
    for package in EXTRAS:
        if EXTRAS[package] == extra and find_spec(package) is None:
            raise ModuleNotFoundError(name=package)


def explain_missing_package(error: Exception) -> str:
    """Say in one line which package is missing and what installs it; empty if the error has another cause."""
    package = (getattr(error, "name", "") or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or package not in EXTRAS:
        return ""
    return f"the package {package} is not installed: pip install 'm2l-bench[{EXTRAS[package]}]'"
