"""What a message says, and what was said before it: the chain of replies above it is the conversation.

How long a chain is stands in the chain itself, so that a restart does not make the bot forget it; what was counted
once is remembered, which saves asking Discord.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass

import discord
import structlog

from bot.fronts.asked import Asked
from bot.fronts.discord.sending import GONE, passes

LEVELS = 4  # how far up a conversation is context; so many messages of others in a row end a to and fro as well
REMEMBERED = 4_096  # own messages whose place in their chain is known

_LABEL = re.compile(r"^-# .*$", re.MULTILINE)
_QUOTE = re.compile(r"^> ", re.MULTILINE)
_ESCAPED = re.compile(r"\\([^a-zA-Z0-9\s])")

log = structlog.get_logger()


@dataclass(frozen=True)
class Conversation:
    """What was said above a message."""

    context: tuple[str, ...]  # oldest first
    turns: int  # messages of the bot in the chain; counted no further than one too many


class Conversations:
    """Reads chains of replies."""

    def __init__(self, most_turns: int) -> None:
        self._most_turns = most_turns
        self._turns: OrderedDict[int, int] = OrderedDict()  # up to and with a message of the bot

    async def above(self, message: discord.Message, me: discord.abc.User) -> Conversation:
        """Asks Discord for what is neither quoted in the message nor in the cache."""
        context: list[str] = []
        turns = others = level = 0
        counted = False
        earlier = await _answered_by(message)
        while earlier is not None and (level < LEVELS or not counted):
            if level < LEVELS:
                context.insert(0, plain(earlier, me))
            if is_from(me, earlier):
                others = 0
                if not counted:
                    known = self._turns.get(earlier.id)
                    turns += known or 1
                    counted = known is not None or turns > self._most_turns
            else:
                others += 1
                counted = counted or others >= LEVELS
            level += 1
            earlier = await _answered_by(earlier)
        return Conversation(tuple(text for text in context if text), turns)

    def remember(self, own: discord.Message, turns: int) -> None:
        """That the bot has spoken `turns` times in the chain that ends with its message `own`."""
        self._turns[own.id] = turns
        while len(self._turns) > REMEMBERED:
            self._turns.popitem(last=False)


def is_from(me: discord.abc.User, message: discord.Message) -> bool:
    """Whether the bot wrote it, be it through a webhook of its own."""
    return message.author.id == me.id or message.application_id == me.id


def asked_by(message: discord.Message, me: discord.abc.User) -> Asked:
    """What a message wants; mentions become names, and the bot's own goes."""
    return Asked.from_text(_shown(message, me))


def plain(message: discord.Message, me: discord.abc.User) -> str:
    """The words of a message: without what the bot's own messages carry, mentions as names."""
    if is_from(me, message):
        return _ESCAPED.sub(r"\1", _QUOTE.sub("", _LABEL.sub("", message.content))).strip()
    return asked_by(message, me).text


def _shown(message: discord.Message, me: discord.abc.User) -> str:
    """Mentions as they are shown, `@name`, but not the bot's own."""
    named = message.guild.me if message.guild else me
    own = rf"@{re.escape(named.display_name)}(?!\w)"
    return " ".join(re.sub(own, " ", message.clean_content).split())


async def _answered_by(message: discord.Message) -> discord.Message | None:
    """What a message replies to; None where that is nothing, deleted, elsewhere, or can't be had now."""
    reference = message.reference
    if reference is None or reference.type is not discord.MessageReferenceType.reply:
        return None
    if reference.message_id is None or reference.channel_id != message.channel.id:
        return None
    if isinstance(reference.resolved, discord.DeletedReferencedMessage):
        return None
    known = reference.resolved or reference.cached_message
    if known is not None:
        return known
    try:
        return await message.channel.fetch_message(reference.message_id)
    except Exception as error:
        if not isinstance(error, GONE) and not passes(error):
            raise
        log.info("no context", why=str(error))
        return None
