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


def test_a_bot_on_discord_loads_no_library_of_other_uses(tmp_path: Path) -> None:
    """Each takes up to 0.1 seconds of CPU. Alembic is there to make or change a database."""
    probe = (
        "import asyncio, sys, data.store; "
        "open_once = lambda: asyncio.run(data.store.open_store(sys.argv[1]).__aenter__()); "
        "import bot.cli, bot.cli.fronts, bot.health, bot.fronts.discord.connection, bot.fronts.discord.backend; "
        "open_once(); "
        "others = ('alembic', 'huggingface_hub', 'httpx2', 'tweepy', 'gradio', 'PIL', 'regex', 'rapidfuzz', "
        "'better_profanity', 'asyncpg', 'sqlalchemy.dialects.postgresql'); "
        "print([name for name in others if name in sys.modules])"
    )
    command = [sys.executable, "-c", probe, f"sqlite+aiosqlite:///{tmp_path / 'mynah.db'}"]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip()
        for _ in range(2)
    )
    assert first == "['alembic', 'sqlalchemy.dialects.postgresql']"  # an index of the migrations names it
    assert second == "[]"


def test_openvino_tells_nobody_that_it_is_used() -> None:
    """Imported whole, it posts that to Google Analytics."""
    probe = "import sys, trainer.engine.openvino_engine; print('openvino_telemetry' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "False"
