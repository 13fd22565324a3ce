"""One version everywhere, and extras that are what the messages about missing packages say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from m2l_bench import __version__
from m2l_bench.extras import EXTRAS

ROOT = Path(__file__).resolve().parents[1]


def test_the_version_is_that_of_the_changelog_and_the_citation() -> None:
    assert f"\n## [{__version__}] - " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_extras_install_what_messages_say() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for package, extra in EXTRAS.items():
        (requirements,) = re.findall(rf"^{extra} = \[(.*?)\]", project, re.MULTILINE)
        distribution = {"sklearn": "scikit-learn"}.get(package, package).replace("_", "[_-]")
        assert re.search(f'"{distribution}[>="]', requirements), f"{extra} does not install {package}"


@pytest.mark.parametrize(
    ("package", "command", "extra"),
    [
        ("matplotlib", "plot distribution -o a.pdf", "plot"),
        ("jinja2", "report", "plot"),
        ("mir_eval", "probe --task beatport", "probe"),
    ],
)
def test_a_missing_package_is_one_line_that_installs_it(package: str, command: str, extra: str, tmp_path: Path) -> None:
    code = f"import sys\nsys.modules[{package!r}] = None\nfrom m2l_bench.cli import main\nmain()"
    result = subprocess.run(
        [sys.executable, "-c", code, *command.split()], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stderr.strip() == f"error: the package {package} is not installed: pip install 'm2l-bench[{extra}]'"
