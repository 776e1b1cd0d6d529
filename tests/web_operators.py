"""The operator's part of the page over a scripted X: with a voice, and nothing sent anywhere."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot.autopost.checklist import subject
from bot.autopost.serving import Autoposting
from bot.fronts.web.backend import WebBackend
from data.settings import AutopostSettings, Settings, XSettings
from data.store import Draft, NewDraft
from tests.browser import page_backend, page_settings
from tests.discord_fronts import store_voice
from tests.social_doubles import ScriptedPlatform

VOICE = "keeper"
OWN_POST = "The gull had opinions about the soup again, four stars."


def operator_settings(home: Path, **more: Any) -> Settings:
    """X is set up, and unclear posts are looked for at once."""
    secret = SecretStr("secret")
    x = XSettings(api_key=secret, api_secret=secret, access_token=secret, access_secret=secret)
    return page_settings(home).model_copy(
        update={"x": x, "autopost": AutopostSettings(settle_seconds=0.01)} | more
    )


@asynccontextmanager
async def operated(
    settings: Settings, x: ScriptedPlatform | None = None, *, confirmed: bool = True
) -> AsyncIterator[WebBackend]:
    """A backend with a voice that may post."""
    async with page_backend(settings, x=x or ScriptedPlatform()) as backend:
        await store_voice(backend.store, settings, VOICE, posts=(OWN_POST,))
        if confirmed:
            await backend.store.standing.confirm(subject("x"), "a test")
        yield backend


def autoposting(backend: WebBackend) -> Autoposting:
    """What `mynah bot` runs beside the fronts."""
    return Autoposting(
        backend.store,
        backend.settings,
        backend.imitator,
        backend.catalogue,
        backend.platforms,
        poll_seconds=0.02,
    )


async def waiting(backend: WebBackend, text: str, **about: Any) -> Draft:
    """A draft that waits for approval."""
    number = await backend.store.drafts.enter(
        NewDraft(**{"key": text, "platform": "x", "voice": VOICE, "approve": True, "text": text} | about)
    )
    return await draft_of(backend, number)


async def draft_of(backend: WebBackend, number: int | None) -> Draft:
    draft = await backend.store.drafts.get(number or 0)
    assert draft is not None
    return draft
