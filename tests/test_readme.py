"""The README's own example runs as printed, and its tables are the generated ones."""

import re
from pathlib import Path

from conftest import Cli

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_ten_line_system_runs(tmp_path: Path, cli: Cli) -> None:
    (code,) = re.findall(r"```python\n(class .*?)```", README, re.DOTALL)
    (card,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "my_codec.py").write_text(code)
    (tmp_path / "my_cards").mkdir()
    (tmp_path / "my_cards" / "eight-bit.yaml").write_text(card)
    (command,) = re.findall(r"PYTHONPATH=\. m2l-bench (.*eight-bit.*)\n", README)
    result = cli(*command.replace("--limit 3", "--limit 1").split(), PYTHONPATH=".")
    assert result.returncode == 0, result.stderr
    assert "Eight bits a sample" in result.stdout


def test_its_tables_are_the_generated_ones() -> None:
    for name in ("results/table2.md", "results/musiccaps37/table2.md"):
        table = [line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if line.startswith("|")]
        assert "\n".join(table) in README, f"{name} has changed: copy its table into README.md"


def test_the_figures_of_the_model_card_are_the_generated_ones() -> None:
    card = (ROOT / "m2l_bench/music2latent/weights/mini/MODEL_CARD.md").read_text(encoding="utf-8")
    for name in ("results/table2.md", "results/musiccaps37/table2.md"):
        rows = (ROOT / name).read_text(encoding="utf-8").splitlines()
        (row,) = [row for row in rows if row.startswith("| Music2Latent, mini |")]
        assert row in card, f"{name} has changed: copy its rows into the model card"
