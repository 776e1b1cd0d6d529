"""`/help`: what the bot is and how one starts."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from discord import AppCommandType, app_commands

from bot.fronts.discord.backend import Interaction
from bot.fronts.discord.failures import answer, deferred
from bot.fronts.discord.speech import LONGEST_MESSAGE

_GUIDE = """\
I am an **AI that imitates how people write**, learned from posts that they gave for it. I am never the person.
**Start in three steps**
1. `/import`: give me your own archive or a file of your posts.
2. `/imitate`: choose the name; the first time I learn the voice, which takes some minutes, and show how far I am.
3. Mention me, or reply to me: I answer in the voice that this channel heard last.
**Commands**
{commands}
**Privacy**: I never learn from what is written here, only from files given to me; `/privacy` shows, shares \
and erases what is yours.
-# Mynah {version}"""


@app_commands.command(name="help", description="What I am and how to start")
async def show_help(interaction: Interaction) -> None:
    async with deferred(interaction, ephemeral=True):
        await answer(interaction, guide(interaction.client.tree))


def guide(tree: app_commands.CommandTree[Any]) -> str:
    """The whole help, short enough for one message; its commands are those of the tree."""
    commands = "\n".join(_line(command) for command in tree.get_commands(type=AppCommandType.chat_input))
    room = LONGEST_MESSAGE - len(_GUIDE) - len(_version())
    return _GUIDE.format(commands=commands[:room], version=_version())


def _line(command: app_commands.Command[Any, ..., Any] | app_commands.Group) -> str:
    """`` `/voice` list, info: Voices, and how they are trained ``."""
    parts = [part.name for part in command.commands] if isinstance(command, app_commands.Group) else []
    return f"`/{command.name}` {', '.join(parts)}".rstrip() + f": {command.description}"


def _version() -> str:
    try:
        return version("mynah")
    except PackageNotFoundError:
        return "from its sources, not installed"


COMMANDS: tuple[app_commands.Command[Any, Any, Any] | app_commands.Group, ...] = (show_help,)
