"""The slash commands. Each module holds those of one concern; this one puts them together."""

from typing import Any

from discord import app_commands

from bot.fronts.discord.commands import autopost, guess, guide, imitate, importing, privacy, server, voice

COMMANDS: tuple[app_commands.Command[Any, Any, Any] | app_commands.Group, ...] = (
    *imitate.COMMANDS,
    *voice.COMMANDS,
    *importing.COMMANDS,
    *privacy.COMMANDS,
    *server.COMMANDS,
    *guess.COMMANDS,
    *autopost.COMMANDS,
    *guide.COMMANDS,
)
DYNAMIC_ITEMS = (
    *imitate.DYNAMIC_ITEMS,
    *guess.DYNAMIC_ITEMS,
    *server.DYNAMIC_ITEMS,
    *autopost.DYNAMIC_ITEMS,
)
"""Buttons and menus that work after a restart: what they are about stands in their custom_id."""


def add_commands(tree: app_commands.CommandTree[Any]) -> None:
    for command in COMMANDS:
        tree.add_command(command)
