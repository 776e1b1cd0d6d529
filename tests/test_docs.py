"""The README tells the truth: every setting, command and make target is in it, and none that does not exist."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from typer.testing import CliRunner

from bot.cli import app
from bot.metrics import Metrics
from data.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def settings_of(model: type[BaseModel], prefix: str = "MYNAH_") -> dict[str, tuple[object, str]]:
    """Environment variable -> (default, sentence), nested sections included."""
    found: dict[str, tuple[object, str]] = {}
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        if isinstance(field.default, BaseModel):
            found |= settings_of(type(field.default), f"{variable}__")
        else:
            found[variable] = (field.default, field.description or "")
    return found


SETTINGS = settings_of(Settings)


def commands_of(group: Any, prefix: str = "") -> Iterator[str]:
    """Every command by its full name, those of groups as "group command"."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, f"{prefix}{name} ")
        else:
            yield prefix + name


COMMANDS = sorted(commands_of(typer.main.get_command(app)))
GROUPS = sorted({command.split()[0] for command in COMMANDS if " " in command})


@pytest.mark.parametrize("variable", SETTINGS)
def test_every_setting_stands_in_the_readme_with_its_default_and_sentence(variable: str) -> None:
    default, sentence = SETTINGS[variable]
    assert default is not PydanticUndefined
    row = next((line for line in README.splitlines() if line.startswith(f"| `{variable}`")), "")
    assert sentence
    assert sentence in row
    shown = {"": "empty", "()": "[]"}.get(
        str(default), str(default).lower() if isinstance(default, bool) else str(default)
    )
    assert f"| {shown} |" in row


def test_the_readme_names_no_setting_that_does_not_exist() -> None:
    assert set(re.findall(r"^\| `(MYNAH_[A-Z_]+)`", README, re.MULTILINE)) == set(SETTINGS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_stands_in_the_readme_and_its_help_gives_an_example(command: str) -> None:
    assert f"`mynah {command}" in README
    shown = CliRunner().invoke(app, [*command.split(), "--help"])
    assert shown.exit_code == 0
    assert f"mynah {command}" in shown.output.split("Example:")[1]


def test_the_readme_names_no_command_that_does_not_exist() -> None:
    named = set(re.findall(r"(?:^|`|bin/)mynah ([a-z-]+)", README, re.MULTILINE))
    assert named <= {command.split()[0] for command in COMMANDS}
    for group in GROUPS:
        inside = re.findall(rf"(?:^|`|bin/)mynah ({group} [a-z-]+)", README, re.MULTILINE)
        assert set(inside) <= set(COMMANDS)


def test_plain_make_lists_every_target_with_a_sentence() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("install", "demo", "run", "test", "lint", "bench", "bench-quick", "quality"):
        assert re.search(rf"make {target}\s+\S+ \S+", listed)
        assert f"`make {target}`" in README


def test_the_metrics_in_the_readme_are_those_that_there_are() -> None:
    exposed = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in Metrics().registry.collect()
    }
    table = README.split("## Health and metrics")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE)) == exposed
