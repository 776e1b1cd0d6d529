"""What every command and event of the Discord front works with; built once and handed to the client."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import discord

from bot.autopost.desk import Desk
from bot.autopost.plans import Plans
from bot.catalogue import Catalogue
from bot.fronts.discord.cooldowns import Cooldowns
from bot.imitator import Imitator
from bot.importing import Imports
from bot.metrics import Metrics
from bot.platforms import Platform
from data.settings import Settings
from data.store import Store


@dataclass(frozen=True)
class Backend:
    """Everything behind the front. It outlives the client, which a broken connection may replace."""

    settings: Settings
    store: Store
    imitator: Imitator
    metrics: Metrics
    platforms: Mapping[str, Platform] = field(default_factory=dict)  # those that are connected
    catalogue: Catalogue = field(init=False)
    cooldowns: Cooldowns = field(init=False)
    imports: Imports = field(init=False)
    plans: Plans = field(init=False)
    desk: Desk = field(init=False)
    exporting: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)  # torch takes a core and much memory
    in_flight: set[asyncio.Task[Any]] = field(init=False, default_factory=set)  # acknowledged, being answered

    def __post_init__(self) -> None:
        limits = self.settings.discord
        object.__setattr__(self, "catalogue", Catalogue(self.store, self.settings))
        object.__setattr__(self, "plans", Plans(self.store, self.settings, self.catalogue))
        desk = Desk(self.store, self.settings, self.catalogue, self.platforms)
        object.__setattr__(self, "desk", desk)
        object.__setattr__(self, "cooldowns", Cooldowns(limits.person_answers, limits.channel_answers))
        object.__setattr__(self, "imports", Imports(self.settings))


class _HasBackend(Protocol):
    backend: Backend


def backend_of(client: discord.Client) -> Backend:
    """The backend of the client that an interaction or message came through."""
    return cast(_HasBackend, client).backend


Interaction = discord.Interaction[Any]
"""An interaction of our client; its type parameter would make every module import the client."""
