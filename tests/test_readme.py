"""The README's own example runs as printed, and its tables are the generated ones."""

import re
from pathlib import Path

import pytest
from support.command_line import Cli

ROOT = Path(__file__).resolve().parents[1]
CARD = "m2l_bench/music2latent/weights/mini/MODEL_CARD.md"
MINI = "Music2Latent, mini"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_ten_line_system_runs(tmp_path: Path, cli: Cli) -> None:
    (code,) = re.findall(r"```python\n(from m2l_bench import Codec\n.*?)```", README, re.DOTALL)
    (card,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "my_codec.py").write_text(code)
    (tmp_path / "my_cards").mkdir()
    (tmp_path / "my_cards" / "eight-bit.yaml").write_text(card)
    (command,) = re.findall(r"PYTHONPATH=\. m2l-bench (.*eight-bit.*)\n", README)
    result = cli(*command.replace("--limit 3", "--limit 1").split(), PYTHONPATH=".")
    assert result.returncode == 0, result.stderr
    assert "Eight bits a sample" in result.stdout


@pytest.mark.parametrize(
    ("document", "results", "system"),
    [
        ("README.md", "table2.md", ""),
        ("README.md", "musiccaps37/table2.md", ""),
        ("docs/probing.md", "mini/table1.md", ""),
        ("docs/training.md", "table3.md", ""),
        (CARD, "table2.md", MINI),
        (CARD, "musiccaps37/table2.md", MINI),
        (CARD, "figure2.md", MINI),
        (CARD, "musiccaps37/figure2.md", MINI),
    ],
)
def test_tables_are_the_generated_ones(document: str, results: str, system: str) -> None:
    """All rows, or those of a system, are in the document as the commands wrote them."""
    lines = (ROOT / "results" / results).read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith(f"| {system}")]
    assert rows
    text = (ROOT / document).read_text(encoding="utf-8")
    assert "\n".join(rows) in text, f"results/{results} has changed: copy its rows into {document}"


def test_its_probes_are_those_of_the_whole_table() -> None:
    whole = measured((ROOT / "results/mini/table1.md").read_text(encoding="utf-8"))
    (table,) = re.findall(r"\| rendered sets.*?\n\n", README, re.DOTALL)
    assert set(measured(table)) == set(whole)
    for model, shown in measured(table).items():
        assert set(shown) <= set(whole[model]), f"{model}: results/mini/table1.md has changed: copy it into README.md"


def test_the_probes_of_the_model_card_are_measured() -> None:
    card, results = ((ROOT / path).read_text(encoding="utf-8") for path in (CARD, "results/mini/table1.md"))
    (table,) = re.findall(r"\| \| music2latent-mini \| MusiCNN .*?\n\n", card, re.DOTALL)
    columns = [measured(results)[model] for model in (MINI, "MusiCNN-MSD", "Chroma", "Music2Latent, random weights")]
    assert len(measured(table)) == 4
    for row in measured(table).values():
        assert any(tuple(row) == column_values for column_values in zip(*columns, strict=True)), (
            f"not in results/mini/table1.md: {row}"
        )


def measured(table: str) -> dict[str, list[str]]:
    """Cells of a Markdown table's rows with figures, by the first of each row."""
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|") and "[" in line]
    return {first.strip(): [cell.strip() for cell in rest] for first, *rest in rows}
