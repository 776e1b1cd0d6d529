"""A server in simcord with the bot and people in it, for commands whose answers only who asks may see."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import discord
import simcord
from simcord.actors import MemberActor

from bot.fronts.discord.backend import Backend
from bot.fronts.discord.client import make_client
from data.errors import MynahError
from data.store import Right
from tests.discord_fronts import SETTLE_SECONDS


class Aviary:
    """A server in simcord with a channel and people in it. Whatever `/voice` answers, only they see."""

    def __init__(self, env: simcord.Env, backend: Backend) -> None:
        self.env, self.backend = env, backend
        self.guild = env.create_guild()
        self.perch = self.guild.create_text_channel("perch")
        self.robin = self.member("robin")
        self.owner = self.member("owner", manage_guild=True)

    @property
    def place(self) -> str:
        return f"discord:{self.guild.id}"

    def member(self, name: str, **permissions: bool) -> MemberActor:
        roles = (
            [self.guild.create_role(name, permissions=discord.Permissions(**permissions))] if permissions else []
        )
        return self.guild.add_member(self.env.create_user(name), roles=roles)

    async def ask(self, who: MemberActor, command: str, **options: Any) -> Any:
        told = await who.slash(self.perch, command, **options)
        assert told.ephemeral
        return told.response

    async def read(self, who: MemberActor, command: str, **options: Any) -> str:
        return str((await self.ask(who, command, **options)).content)

    async def own(self, who: MemberActor, handle: str, **decided: Any) -> None:
        await self.backend.store.consent.claim(Right(handle, f"discord:{who.id}", self.place, **decided))

    def cards(self) -> list[Any]:
        return [message for message in self.perch.history() if not message.flags.ephemeral]


@asynccontextmanager
async def aviary(backend: Backend) -> AsyncIterator[Aviary]:
    client = make_client(backend)
    async with simcord.run(
        client, settle_timeout=SETTLE_SECONDS, check_errors=False
    ) as env:  # refusals are answers
        await client.tree.sync()
        yield Aviary(env, backend)
        assert all(isinstance(error.__cause__, MynahError) for error in env.errors)
