"""Voices that speak under their own name, where those who run a server turned that on.

The bot's own webhook of the channel speaks, and name and picture say plainly that it is AI. A webhook can't reply,
so its message ends with a link to the one that it answers. That link is also what a message is known again by:
unlike the bot's own messages, those of webhooks are not kept single by Discord where one is sent twice.
"""

import asyncio
import re
import time
from datetime import timedelta

import aiohttp
import discord
import structlog

from bot.avatar import avatar
from bot.fronts.discord.backend import Backend
from bot.fronts.discord.speech import LONGEST_MESSAGE, QUIET
from trainer.voice import Voice

WEBHOOK_NAME = "Mynah (AI parody)"
MARK = " (AI parody)"
LONGEST_NAME = 80  # characters, Discord's limit
RETRY_SECONDS = 1.0  # discord.py waits at least so long before it sends by itself what the server choked on
OLD = timedelta(seconds=10)  # what waited so long may have been answered by a process that ended since
LOOKED_THROUGH = 100  # messages after the one that is answered

_Home = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.ForumChannel
_Room = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread
_FORBIDDEN = re.compile(r"dis(?=cord)|cly(?=de)", re.IGNORECASE)

log = structlog.get_logger()


async def send_as_persona(
    backend: Backend, channel: object, voice: Voice, content: str, *, nonce: int | str
) -> discord.Message | None:
    """Say `content` as the voice, in answer to the message whose number is `nonce`; gives what stands there.

    None where the server has not turned personas on, or they are not possible here: nothing was sent then, so
    reply as usual. Raises what discord.py does where Discord can't be reached: nobody knows whether it was sent.
    """
    home = channel.parent if isinstance(channel, discord.Thread) else channel
    if not isinstance(channel, _Room) or not isinstance(home, _Home):
        return None
    settings = await backend.store.places.settings(f"discord:{home.guild.id}")
    allowed = home.permissions_for(home.guild.me)
    linked = f"{content}\n-# answers {_link(channel, nonce)}"
    if not (settings.personas and allowed.manage_webhooks and allowed.read_message_history):
        return None
    if len(linked) > LONGEST_MESSAGE:
        return None
    try:
        webhook = await _webhook(home)
        return await _send_once(webhook, channel, persona_name(voice.record.handles), linked, int(nonce))
    except discord.DiscordServerError:
        raise
    except discord.HTTPException as refusal:
        log.info("no persona", channel=channel.id, why=str(refusal))
        return None


def persona_name(handles: tuple[str, ...]) -> str:
    """`("x", "y")` -> `"x + y (AI parody)"`; what Discord forbids in names is broken up: "dis-cord"."""
    name = _FORBIDDEN.sub(r"\g<0>-", " + ".join(handles))
    return name[: LONGEST_NAME - len(MARK)] + MARK


async def _webhook(home: _Home) -> discord.Webhook:
    """The bot's own; made where there is none."""
    for webhook in await home.webhooks():
        if webhook.token and webhook.user is not None and webhook.user.id == home.guild.me.id:
            return webhook
    picture = await asyncio.to_thread(avatar)
    return await home.create_webhook(name=WEBHOOK_NAME, avatar=picture, reason="Voices speak under their own name")


async def _send_once(
    webhook: discord.Webhook, room: _Room, name: str, content: str, answered: int
) -> discord.Message:
    is_old = discord.utils.utcnow() - discord.utils.snowflake_time(answered) > OLD
    if is_old and (there := await _there(webhook, room, answered)):
        return there[0]
    try:
        return await _send(webhook, room, name, content, answered)
    except (aiohttp.ClientError, TimeoutError, discord.DiscordServerError):
        if there := await _there(webhook, room, answered):
            return there[0]  # only Discord's answer was lost
        return await _send(webhook, room, name, content, answered)


async def _send(webhook: discord.Webhook, room: _Room, name: str, content: str, answered: int) -> discord.Message:
    began = time.monotonic()
    sent = await webhook.send(content, username=name, allowed_mentions=QUIET, thread=_thread(room), wait=True)
    if time.monotonic() - began < RETRY_SECONDS:
        return sent
    first, *twins = await _there(webhook, room, answered) or [sent]
    for twin in twins:
        await twin.delete()
    return first


async def _there(webhook: discord.Webhook, room: _Room, answered: int) -> list[discord.WebhookMessage]:
    """The webhook's answers to a message, oldest first."""
    after = discord.Object(answered)
    own = [
        message.id
        async for message in room.history(limit=LOOKED_THROUGH, after=after, oldest_first=True)
        if message.webhook_id == webhook.id
    ]
    # Asked of the webhook itself: without the message content intent a channel's history may come without text.
    found = [await webhook.fetch_message(number, thread=_thread(room)) for number in own]
    return [message for message in found if message.content.endswith(_link(room, answered))]


def _thread(room: _Room) -> discord.Thread:
    """What discord.py takes for the thread, also where there is none."""
    thread: discord.Thread = room if isinstance(room, discord.Thread) else discord.utils.MISSING
    return thread


def _link(room: _Room, number: int | str) -> str:
    return f"https://discord.com/channels/{room.guild.id}/{room.id}/{number}"
