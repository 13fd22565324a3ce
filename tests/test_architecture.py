"""Which folder may reach which, over all imports, also those inside functions and those behind other modules."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from m2l_bench.text import counted

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "m2l_bench"
READERS = ("runs", "latents", "tables", "plots", "listen", "report", "console")
MAKERS = ("systems", "reconstruction", "probing", "distances", "jobs", "generation", "codecs", "embeddings")
FORBIDDEN = {
    **dict.fromkeys(READERS, MAKERS),
    "cards": (*READERS, *MAKERS, "datasets"),
    "codecs": (*READERS, "reconstruction", "probing", "distances", "jobs", "systems", "embeddings", "datasets"),
    "embeddings": (*READERS, "reconstruction", "probing", "distances", "jobs", "systems", "codecs", "datasets"),
    "datasets": ("tables", "plots", "listen", "report", *MAKERS),
    "weights": ("tables", "plots", "listen", "report", *MAKERS),
    "systems": ("tables", "plots", "listen", "report", "reconstruction", "probing", "distances", "jobs"),
}
"""Room: rooms it must not reach."""
ONLY = {
    "metrics": ("metrics", "audio", "environment", "errors", "text"),
    "latent_space": ("latent_space", "metrics", "audio", "environment", "errors", "text"),
    "music2latent": ("music2latent",),
}
"""Room: all that it may reach."""


def module_files(root: Path) -> dict[str, Path]:
    """Files of the package by module name."""
    files = {}
    for path in (root / PACKAGE).rglob("*.py"):
        parts = path.relative_to(root).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


def imports(path: Path, modules: set[str]) -> set[str]:
    """Modules of the package that a file imports when it runs; imports for type checking alone do not count."""
    found = set()
    for node in running(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            found |= {".".join(parts[:count]) for count in range(2, len(parts) + 1)} & modules
    return found


def running(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those below `if TYPE_CHECKING:`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        yield node
        yield from running(node)


def graph(root: Path) -> dict[str, set[str]]:
    """Imports by module. A package that lazily gives out the content of its modules imports none of them by itself."""
    files = module_files(root)
    return {name: imports(path, set(files)) for name, path in files.items()}


def room(module: str) -> str:
    """The folder of a module, or the name of a module at the top level."""
    return [*module.split("."), ""][1]


def violations(arrows: dict[str, set[str]]) -> list[str]:
    """Chains of imports from a room to one that it must not reach."""
    chains = []
    for start in arrows:
        paths = {start: start}
        queue = [start]
        for module in queue:
            for target in sorted(arrows[module] - paths.keys()):
                paths[target] = f"{paths[module]} -> {target}"
                queue.append(target)
        here = room(start)
        for target, path in paths.items():
            there = room(target)
            if there in FORBIDDEN.get(here, ()) or (here in ONLY and there not in ("", *ONLY[here])):
                chains.append(path)
            if there in ("cli", "commands") and here not in ("cli", "commands", "__main__"):
                chains.append(path)
    return chains


def test_no_room_reaches_what_it_must_not() -> None:
    assert not violations(graph(ROOT))


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("tables/reconstruction.py", "from m2l_bench.systems.loading import load_codec"),
        ("plots/style.py", "def f():\n    from m2l_bench.reconstruction import pipeline"),
        ("metrics/si_sdr.py", "import m2l_bench.cards"),
        ("music2latent/chunks.py", "from m2l_bench.errors import UserError"),
        ("runs/files.py", "from m2l_bench.commands import common"),
    ],
)
def test_a_planted_violation_is_found(room: str, line: str) -> None:
    files = module_files(ROOT)
    arrows = graph(ROOT)
    module = f"{PACKAGE}.{room.removesuffix('.py').replace('/', '.')}"
    planted = ast.parse(line)
    for node in running(planted):
        if isinstance(node, ast.ImportFrom):
            names = {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
        else:
            continue
        arrows[module] |= names & files.keys()
    assert any(chain.startswith(module) for chain in violations(arrows))


@pytest.mark.parametrize("folder", ["scripts", "benchmarks", "devtools", PACKAGE])
def test_nothing_imports_the_tests(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            roots = {name.split(".")[0] for name in names}
            assert not roots & {"tests", "conftest", "support", "toy_codec", "toy_embedding"}, f"{path} imports {names}"


def test_numbers_of_things_are_written_with_their_singular() -> None:
    """`counted(n, "clip")`, and not `f"{n} clips"`, which is "1 clips" in the end."""
    things = "clip|file|label|part|piece|shard|track"
    plural = re.compile(rf"\{{(?!path\.suffix|limits\.)[^{{}}]*\}} (?:{things})s\b")
    for path in (ROOT / PACKAGE).rglob("*.py"):
        if room(".".join(path.relative_to(ROOT).parts)) != "music2latent":
            assert not plural.findall(path.read_text(encoding="utf-8")), path
    assert counted(1, "clip") == "1 clip" and counted(1234, "clip") == "1,234 clips"


def test_few_modules_stand_beside_the_rooms() -> None:
    assert len(list((ROOT / PACKAGE).glob("*.py"))) <= 14
