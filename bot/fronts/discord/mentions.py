"""Mentions are answered in the channel's voice: in the order in which they came, each once, restarts included.

Each is entered in the store when it comes and marked when it is answered; what an earlier client or process left
unmarked is taken up again. Voices think about several at once; only answers in one channel wait for each other.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import structlog

from bot.faults import broken, new_reference
from bot.fronts.discord import personas
from bot.fronts.discord.backend import Backend
from bot.fronts.discord.conversation import is_from
from bot.fronts.discord.mention_answers import Answer, MentionAnswers
from bot.fronts.discord.names import number_of
from bot.fronts.discord.sending import GONE, TypingSigns, persistently, reply
from bot.governor import DryRunError
from data.errors import MynahError
from data.store import WaitingMention

FRESH = timedelta(minutes=10)  # an answer to something older would be one that nobody waits for
LOOKED_THROUGH = 100  # messages after a mention among which its answer is looked for: one request

Before = asyncio.Task[None] | None
"""The answer that another one in the same channel has to wait for."""

log = structlog.get_logger()


class Mentions:
    """Hears messages and answers those meant for the bot."""

    def __init__(self, client: discord.Client, backend: Backend) -> None:
        self._client = client
        self._backend = backend
        self._began = datetime.now(UTC)
        self._typing = TypingSigns()
        self._answers = MentionAnswers(client, backend, self._typing)
        self._last: dict[int, asyncio.Task[None]] = {}  # by channel
        self.tasks: set[asyncio.Task[None]] = set()

    async def hear(self, message: discord.Message) -> None:
        """Answer, if the message is for the bot."""
        if self._is_for_me(message):
            self._start(message.channel.id, lambda before: self._attend(message, before))

    async def recover(self) -> None:
        """Answer what an earlier client or process left unanswered, unless too much time has passed."""
        inbox = self._backend.store.inbox
        left = [mention for mention in await inbox.waiting() if mention.since < self._began]
        await self._client.wait_until_ready()
        for mention in left:
            if datetime.now(UTC) - mention.since > FRESH:
                await inbox.done(mention.mention)
            else:
                self._take_up(mention)

    def _is_for_me(self, message: discord.Message) -> bool:
        me = self._client.user
        if me is None or message.author.bot or message.webhook_id is not None:
            return False
        if isinstance(message.channel, discord.DMChannel) or any(user.id == me.id for user in message.mentions):
            return message.type in (discord.MessageType.default, discord.MessageType.reply)
        if message.type is not discord.MessageType.reply or message.reference is None:
            return False
        answered = message.reference.resolved or message.reference.cached_message
        return isinstance(answered, discord.Message) and is_from(me, answered)

    def _start(self, channel: int, work: Callable[[Before], Coroutine[Any, Any, None]]) -> None:
        before = self._last.get(channel)

        async def in_turn() -> None:
            try:
                await work(before)
            finally:
                if before is not None:  # where nothing was to be said, too: the next one waits for this one only
                    await asyncio.wait([before])

        def ended(task: asyncio.Task[None]) -> None:
            self.tasks.discard(task)
            if self._last.get(channel) is task:
                del self._last[channel]

        task = self._last[channel] = asyncio.create_task(in_turn(), name=f"mention in {channel}")
        self.tasks.add(task)
        task.add_done_callback(ended)

    async def _attend(self, message: discord.Message, before: Before, *, again: bool = False) -> None:
        reference = new_reference()
        with structlog.contextvars.bound_contextvars(reference=reference, mention=str(message.id)):
            try:
                answer = await self._compose(message, reference, again)
                if answer is None:
                    return
                if before is not None:
                    await asyncio.wait([before])
                if answer.content:
                    await self._say(message, answer)
                await self._backend.store.inbox.done(str(message.id))
            except Exception:  # Discord stayed out of reach; the next client finds the mention unmarked
                log.exception("a mention stays unanswered")
            finally:
                self._typing.hide(message)

    async def _compose(self, message: discord.Message, reference: str, again: bool) -> Answer | None:
        try:
            return await self._answers.compose(message, again=again)
        except MynahError as error:
            return Answer(str(error))
        except Exception:  # the edge of what an answer may break
            log.exception("fault")
            return Answer(broken(reference))

    async def _say(self, message: discord.Message, answer: Answer) -> None:
        try:
            said = await self._say_as_persona(message, answer) or await reply(message, answer.content)
        except GONE as error:
            log.info("nobody to answer", why=str(error))
        except DryRunError:  # it counts as answered, or all of them would be once the dry run is over
            log.info("dry run: not sent", text=answer.content)
        else:
            self._answers.said(said, answer)
            log.info("mention answered", by=said.id)

    async def _say_as_persona(self, message: discord.Message, answer: Answer) -> discord.Message | None:
        voice = answer.persona
        if voice is None:
            return None
        return await persistently(
            lambda: personas.send_as_persona(
                self._backend, message.channel, voice, answer.content, nonce=message.id
            ),
            # A persona looks for what it has said already only where that may be a while ago.
            pause=personas.OLD.total_seconds(),
        )

    def _take_up(self, mention: WaitingMention) -> None:
        async def attend(before: Before) -> None:
            with structlog.contextvars.bound_contextvars(mention=mention.mention):
                try:
                    message = await self._unanswered(mention)
                except Exception:  # Discord stayed out of reach; the next client tries again
                    log.exception("a mention stays unanswered")
                    return
                if message is None:
                    await self._backend.store.inbox.done(mention.mention)
                else:
                    await self._attend(message, before, again=True)

        self._start(number_of(mention.channel), attend)

    async def _unanswered(self, mention: WaitingMention) -> discord.Message | None:
        """None where it is out of reach, or was answered and only the mark is missing."""
        client, number = self._client, number_of(mention.channel)
        try:
            channel = client.get_channel(number) or await persistently(lambda: client.fetch_channel(number))
            assert isinstance(channel, discord.abc.Messageable)
            message = await persistently(lambda: channel.fetch_message(int(mention.mention)))
            return None if await persistently(lambda: self._is_answered(message)) else message
        except GONE as error:
            log.info("nobody to answer", why=str(error))
            return None

    async def _is_answered(self, message: discord.Message) -> bool:
        me = self._client.user
        assert me is not None
        async for later in message.channel.history(after=message, limit=LOOKED_THROUGH):
            names_it = later.reference is not None and later.reference.message_id == message.id
            # A persona can't reply; its message ends with a link.
            if is_from(me, later) and (names_it or later.content.endswith(f"/{message.id}")):
                return True
        return False
