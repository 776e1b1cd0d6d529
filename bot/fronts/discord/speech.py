"""How a voice's words look on Discord: without live markup, and labelled as AI."""

from collections.abc import Sequence
from textwrap import shorten

import discord

from bot.fronts.label import label_of

LONGEST_MESSAGE = 2_000  # characters, Discord's limit for content
LONGEST_QUOTE = 200  # characters of what was asked
QUIET = discord.AllowedMentions.none()  # whatever a text says, it pings nobody


def labelled(text: str, handles: Sequence[str], room: int = LONGEST_MESSAGE) -> str:
    """A voice's text as a message of at most `room` characters: markup escaped, the AI label under it in small
    print.
    """
    label = f"-# {label_of(name_of(handles))}"
    return f"{escaped(text)[: room - len(label) - 1]}\n{label}"


def escaped(text: str) -> str:
    """Text that shows as it stands: no bold, headings, quotes, spoilers, lists or links come of it."""
    # A link that a person had the bot say would carry the bot's name and show its page.
    return discord.utils.escape_markdown(text, ignore_links=False).replace("://", ":\u200b//")


def asked_of(prompt: str) -> str:
    """What somebody asked, on one line and not longer than it takes to recognise it."""
    return escaped(shorten(prompt, LONGEST_QUOTE, placeholder=" …"))


def invitation(handles: Sequence[str], *, on_server: bool) -> str:
    """How people talk to the voice of a channel."""
    return f"{'Mention me' if on_server else 'Write to me here'} and I answer as {name_of(handles)}."


def name_of(handles: Sequence[str]) -> str:
    """`("a_b", "c")` -> `"@a\\_b and @c"`."""
    return " and ".join(f"@{escaped(handle)}" for handle in handles)
