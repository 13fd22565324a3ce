"""The documentation builds without a warning, and no page of it asks another host for anything."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("material", reason="pip install 'm2l-bench[docs]'")
ROOT = Path(__file__).resolve().parents[1]
LOADS = re.compile(
    r"""<(?:script|img|iframe|source|audio|video|link(?![^>]*rel="?(?:canonical|prev|next|edit)))\b[^>]*?"""
    r"""(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|url\(["']?((?:https?:)?//[^"')]+)|@import\s+["']((?:https?:)?//[^"']+)"""
    r"""|["'`]((?:https?:)?//[^"'`\s]+?\.(?:js|css|woff2?|json))["'`]""",
    re.IGNORECASE,
)
"""Scripts, styles, fonts and images from another host, in HTML, CSS or JavaScript."""
DIAGRAMS = "https://unpkg.com/mermaid@11/dist/mermaid.min.js"
"""What the theme's script would load for a page with a diagram."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def test_no_page_asks_another_host(site: Path) -> None:
    loads = {}
    for file in (file for suffix in ("html", "css", "js") for file in site.rglob(f"*.{suffix}")):
        text = file.read_text(encoding="utf-8")
        addresses = {address for groups in LOADS.findall(text) for address in groups if address} - {DIAGRAMS}
        if addresses:
            loads[file.relative_to(site).as_posix()] = addresses
        assert 'class="mermaid"' not in text
    assert not loads


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://cdn.example/a.js">',
        '<link rel="stylesheet" href="https://fonts.example/css?family=Roboto">',
        "<img alt=a src=//example/a.png>",
        "src: url(https://fonts.example/a.woff2)",
        'load("https://cdn.example/a.js")',
    ],
)
def test_a_load_from_another_host_is_found(text: str) -> None:
    assert LOADS.search(text)


def test_the_reference_has_every_command_and_the_public_names(site: Path) -> None:
    from m2l_bench import __all__ as public_names

    commands = (site / "reference/commands/index.html").read_text(encoding="utf-8")
    python = (site / "reference/python/index.html").read_text(encoding="utf-8")
    for command in ("reconstruct", "plot pareto", "weights get", "data musiccaps"):
        assert f"m2l-bench {command}</code>" in commands
    for name in {*public_names, "Music2Latent"} - {"__version__"}:
        assert re.search(rf'id="m2l_bench\.[a-z0-9_.]*{name}"', python), name
