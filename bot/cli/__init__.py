"""The command line. Each module holds the commands of one concern; this one puts them together.

Only the module of the command that is called is imported, as the others need libraries that it may not.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from bot.logs import start_logging
from data.errors import InputError
from data.settings import Settings

# In the order of the help; groups of commands by the group's name.
_MODULES = {
    "corpora": ("import", "corpora", "forget"),
    "refresh": ("refresh",),
    "consent": ("optouts", "optout", "optin", "reports"),
    "voices": ("train", "voices", "runs", "cancel"),
    "evaluate": ("evaluate",),
    "cards": ("card", "export"),
    "hub": ("push", "pull"),
    "speak": ("say", "chat"),
    "picture": ("picture",),
    "web": ("web",),
    "fronts": ("bot", "discord"),
    "autopost": ("autopost",),
    "spend": ("spend",),
    "track": ("track",),
    "operate": ("trainer", "run", "pretrain", "doctor", "demo"),
}
_MODULE_OF = {command: module for module, commands in _MODULES.items() for command in commands}


class _OnDemand(Mapping[str, Any]):
    """Commands by name, each imported when it is looked up."""

    def __getitem__(self, name: str) -> Any:
        of_its_module = typer.Typer(rich_markup_mode="rich")
        import_module(f"bot.cli.{_MODULE_OF[name]}").add_commands(of_its_module)
        return typer.main.get_group(of_its_module).commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULE_OF)

    def __len__(self) -> int:
        return len(_MODULE_OF)


class _LateImports(TyperGroup):
    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _OnDemand()  # type: ignore[assignment]  # nothing is added to it


app = typer.Typer(
    name="mynah",
    cls=_LateImports,
    help="A chat bot that learns to speak like a person, from the posts that person owns.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # faults are caught at the edge of the process, in one place
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def prepare(context: typer.Context) -> None:
    context.obj = load_settings()
    start_logging(context.obj)


def load_settings() -> Settings:
    """The settings from environment and `.env`. Raises InputError that names the variable to mend."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        variable = "MYNAH_" + "__".join(str(part) for part in first["loc"]).upper()
        raise InputError(
            f"Setting {variable} can't be used: {first['msg']}; see the table in the README."
        ) from None
    except ValueError:  # pydantic-settings names the section, not the variable
        raise InputError(
            "MYNAH_GATES__BLOCK_LIST, MYNAH_DISCORD__OPERATORS or MYNAH_BLUESKY__LANGUAGES can't be read; write a "
            'JSON list, as in ["word", "two words"] or [80351110224678912].'
        ) from None


__all__ = ["app", "load_settings"]
