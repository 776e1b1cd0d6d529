"""How a voice's words look on Discord: without live markup, and labelled as AI."""

from collections.abc import Sequence

import discord

LONGEST_MESSAGE = 2_000  # characters, Discord's limit for content
QUIET = discord.AllowedMentions.none()  # whatever a text says, it pings nobody


def labelled(text: str, handles: Sequence[str]) -> str:
    """A voice's text as a message: markup escaped, the AI label under it in small print."""
    label = f"-# AI imitation of {name_of(handles)}, not the person"
    return f"{escaped(text)[: LONGEST_MESSAGE - len(label) - 1]}\n{label}"


def escaped(text: str) -> str:
    """Text that shows as it stands: no bold, headings, quotes, spoilers or lists come of it."""
    return discord.utils.escape_markdown(text)


def name_of(handles: Sequence[str]) -> str:
    """`("a_b", "c")` -> `"@a\\_b and @c"`."""
    return " and ".join(f"@{escaped(handle)}" for handle in handles)
