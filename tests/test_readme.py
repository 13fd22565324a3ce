"""What the README and the pages of docs/ say: the example runs, commands exist, and tables are the generated ones."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from support.command_line import Cli

from m2l_bench.cli import make_app
from m2l_bench.runs.latent_spaces import read_latent_spaces
from m2l_bench.tables.formats import to_markdown
from m2l_bench.tables.latents import latents_table

ROOT = Path(__file__).resolve().parents[1]
COMMAND_LINE = typer.main.get_command(make_app())
PAGES = sorted(
    [*ROOT.glob("*.md"), ROOT / "notebooks/README.md", *(ROOT / "docs").rglob("*.md")], key=lambda page: page.as_posix()
)
CARD = "m2l_bench/music2latent/weights/mini/MODEL_CARD.md"
MINI = "Music2Latent, mini"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_ten_line_system_runs(tmp_path: Path, cli: Cli) -> None:
    (code,) = re.findall(r"```python\n(from m2l_bench import Codec\n.*?)```", README, re.DOTALL)
    (card,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "my_codec.py").write_text(code)
    (tmp_path / "my_cards").mkdir()
    (tmp_path / "my_cards" / "eight-bit.yaml").write_text(card)
    (command,) = re.findall(r"\nm2l-bench (.*eight-bit.*)\n", README)
    result = cli(*command.replace("--limit 3", "--limit 1").split())
    assert result.returncode == 0, result.stderr
    assert "Eight bits a sample" in result.stdout


def commands(page: Path) -> list[list[str]]:
    """Words of each command in the shell blocks of a page, without comments and without `VARIABLE=value` before it."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    parts = [part for line in lines for part in re.split("&&|;", re.sub(r"(^|\s)#.*", "", line))]
    words = [shlex.split(re.sub("<.*?>", "X", part)) for part in parts if part.strip()]
    return [line[next(i for i, word in enumerate(line) if not re.match("[A-Z_0-9]+=", word)) :] for line in words]


def problem(words: list[str]) -> str:
    """What is wrong with a command, as far as can be told without running it; empty: nothing is known."""
    program, *arguments = words
    if program in ("torchrun", "srun"):
        start = next(i for i, word in enumerate(words) if word in ("m2l_bench", "m2l-bench"))
        program, *arguments = ["m2l-bench", *words[start + 1 :]]
    if program == "m2l-bench":
        return usage_error(COMMAND_LINE, arguments)
    if program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return "" if set(arguments) <= set(targets) else f"no target {arguments}"
    if program in ("pip", "python", "python3") and (
        extras := re.findall(r"(?:m2l-bench|\.)\[([a-z,-]+)\]", " ".join(words))
    ):
        section = (
            (ROOT / "pyproject.toml").read_text().partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
        )
        absent = {*extras[0].split(",")} - {*re.findall("^([a-z-]+) = ", section, re.MULTILINE)}
        return f"no extra {absent}" if absent else ""
    scripts = [word for word in words if word.startswith(("scripts/", "benchmarks/", "devtools/"))]
    return "".join(f"no file {script}" for script in scripts if not (ROOT / script).is_file())


def usage_error(command: Any, arguments: list[str]) -> str:
    """What is wrong with the options and arguments of a command, or of a command below it."""
    while hasattr(command, "commands"):
        name, *arguments = arguments or [""]
        if name not in command.commands:
            return "" if getattr(command, "invoke_without_command", False) else f"no command {name!r}"
        command = command.commands[name]
        if hasattr(command, "commands") and (not arguments or arguments[0].startswith("-")):
            break
    try:
        command.make_context(command.name, arguments)
    except Exception as error:  # of click, or of the copy of it that typer has
        if hasattr(error, "format_message"):
            return error.format_message()
        raise
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_of_the_pages_exist(page: Path) -> None:
    problems = {" ".join(words): found for words in commands(page) if (found := problem(words))}
    assert not problems


@pytest.mark.parametrize(
    "line",
    ["m2l-bench no-such", "m2l-bench listen --no-such", "make no-such", "pip install '.[no-such]'", "sh scripts/x"],
)
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    assert problem(shlex.split(line))


@pytest.mark.parametrize(
    ("document", "results", "system"),
    [
        ("docs/tutorial/first-result.md", "table2.md", ""),
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


def test_the_table_of_latents_is_that_of_the_results() -> None:
    table = to_markdown(latents_table([*read_latent_spaces(ROOT / "results" / "latents.csv").values()]))
    rows = "\n".join(line for line in table.splitlines() if line.startswith("|"))
    assert rows in (ROOT / "docs" / "latents.md").read_text(encoding="utf-8")


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
