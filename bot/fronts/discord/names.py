"""Discord's numbers as the store names them: "discord:80351110224678912"."""

import discord

from bot.fronts.discord.backend import Interaction


def person_of(user: discord.abc.Snowflake) -> str:
    return f"discord:{user.id}"


def channel_of(channel: discord.abc.Snowflake) -> str:
    return f"discord:{channel.id}"


def place_of(where: Interaction | discord.Message) -> str:
    """The server; outside of servers the conversation itself."""
    if isinstance(where, discord.Message):
        return f"discord:{where.guild.id if where.guild else where.channel.id}"
    return f"discord:{where.guild_id or where.channel_id}"


def number_of(name: str) -> int:
    """`"discord:80351110224678912"` -> `80351110224678912`."""
    return int(name.removeprefix("discord:"))
