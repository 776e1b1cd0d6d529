"""/privacy."""

from typing import Any

import discord
from discord import app_commands

COMMANDS: tuple[app_commands.Command[Any, Any, Any] | app_commands.Group, ...] = ()
DYNAMIC_ITEMS: tuple[type[discord.ui.DynamicItem[Any]], ...] = ()
