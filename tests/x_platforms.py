"""The X of the product against the X on loopback, with a real store for its books."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.governor import Governor
from bot.platforms.x.platform import XPlatform
from data.settings import Settings, XSettings
from data.store import Store, open_store
from data.store.ledger import MICRO, today
from tests.x_server import XServer


@dataclass
class Desk:
    """One platform object with its books."""

    x: XServer
    platform: XPlatform
    governor: Governor
    store: Store

    async def spent(self) -> Decimal:
        """Dollars of today by our own books, with what is set aside."""
        return Decimal(await self.store.ledger.spent(today())) / MICRO

    async def kinds(self) -> dict[str, int]:
        """How many of what our books hold for today."""
        return {spent.kind: spent.count for spent in await self.store.ledger.history(today())}


def x_settings(x: XServer, **changed: Any) -> XSettings:
    keys = {
        "api_key": x.credentials.consumer_key,
        "api_secret": x.credentials.consumer_secret,
        "access_token": x.credentials.access_token,
        "access_secret": x.credentials.access_token_secret,
    }
    return XSettings(**{**keys, "api_base": x.origin, **changed})


@asynccontextmanager
async def open_desk(
    x: XServer, folder: Path, *, spending: dict[str, Any] | None = None, dry_run: bool = False, **of_x: Any
) -> AsyncIterator[Desk]:
    """`of_x` are fields of XSettings; `spending` those of SpendingSettings, rich by default."""
    money = spending or {"month_dollars": 100, "day_dollars": 100}
    settings = Settings(home=folder, dry_run=dry_run, x=x_settings(x, **of_x), spending=money, _env_file=None)
    async with open_store(settings.database) as store:
        governor = Governor(store, settings)
        async with XPlatform(settings.x, governor) as platform:
            yield Desk(x, platform, governor, store)
