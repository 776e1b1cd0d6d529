"""The command line. Each module holds the commands of one concern; this one puts them together."""

import typer
from pydantic import ValidationError

from bot.cli import (
    autopost,
    cards,
    consent,
    corpora,
    fronts,
    hub,
    operate,
    picture,
    refresh,
    speak,
    spend,
    track,
    voices,
    web,
)
from bot.logs import start_logging
from data.errors import InputError
from data.settings import Settings

app = typer.Typer(
    name="mynah",
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


_COMMANDS = (
    *(corpora, refresh, consent, voices, cards, hub),
    *(speak, picture, web, fronts, autopost, spend, track, operate),
)
for module in _COMMANDS:
    module.add_commands(app)

__all__ = ["app", "load_settings"]
