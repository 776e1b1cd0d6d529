"""Dependencies point one way: bot -> trainer -> data. `data` knows neither torch nor discord."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "data": {"bot", "trainer", "torch", "transformers", "peft", "discord", "tweepy", "openvino"},
    "trainer": {"bot", "discord", "tweepy"},
    "bot": {"torch", "peft"},
}


def imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_a_layer_imports_nothing_from_above(layer: str) -> None:
    files = list((ROOT / layer).rglob("*.py"))
    assert files
    offences = {str(file.relative_to(ROOT)): imported(file) & FORBIDDEN[layer] for file in files}
    assert not {file: names for file, names in offences.items() if names}


def test_the_bot_process_does_not_load_torch() -> None:
    probe = (
        "import sys, bot.cli, bot.health, bot.imitator, bot.fronts.discord.connection; "
        "import trainer.engine.openvino_engine; "
        "print([name for name in ('torch', 'transformers', 'peft') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"
