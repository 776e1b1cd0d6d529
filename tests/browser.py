"""A real browser: Chromium through playwright, against the page on loopback, as a person would use it."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from pydantic import SecretStr

from bot.fronts.web.backend import WebBackend
from bot.fronts.web.doors import Doors
from bot.fronts.web.serving import serve_page
from bot.imitator import Imitator
from bot.shelf import VoiceShelf
from data.settings import Settings, WebSettings
from data.store import open_store
from tests.discord_fronts import BabblingEngine
from trainer.engine import Engine

PASSWORD = "a long word"
# Without a sandbox, as it may run as root in a container; and asking nobody for updates.
QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
PATIENCE = 90_000.0  # milliseconds: a machine may have much else to do
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def chromium() -> str:
    """The machine's own Chromium; without one the test is skipped, saying so."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    return found


def page_settings(home: Path, **web: Any) -> Settings:
    """On a free port, with a password for the operator."""
    values: dict[str, Any] = {"port": 0, "password": SecretStr(PASSWORD)}
    return Settings(home=home, base="builtin", web=WebSettings(**values | web), _env_file=None)


@contextlib.asynccontextmanager
async def page_backend(
    settings: Settings, engine: Engine | None = None, **platforms: Any
) -> AsyncIterator[WebBackend]:
    """Over the settings' own store; `platforms` are doubles, by name."""
    async with open_store(settings.database) as store, VoiceShelf(engine or BabblingEngine(), 10) as shelf:
        yield WebBackend(settings, store, Imitator(shelf, store, settings), platforms, Doors(settings.web))


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Chromium without a window."""
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        try:
            yield opened
        finally:
            await opened.close()


@contextlib.asynccontextmanager
async def visiting(backend: WebBackend, **context: Any) -> AsyncIterator[Page]:
    """The page, open in a browser. It may ask nobody else for anything, and no script of it may fail.

    `context` as playwright has it: PHONE, `color_scheme`.
    """
    expect.set_options(timeout=PATIENCE)
    async with serve_page(backend) as address, browser() as opened:
        visitor: BrowserContext = await opened.new_context(base_url=address, **context)
        page = await visitor.new_page()
        strangers: list[str] = []
        faults: list[str] = []
        ours = (address, "data:", "blob:")
        page.on("request", lambda request: None if request.url.startswith(ours) else strangers.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        await page.goto("/")
        # As it loads it chooses a tab itself; whoever chose another before that would lose it again.
        await _selected(page, "Speak" if await backend.voice_names() else "Bring posts")
        yield page
        await visitor.close()
        assert not strangers
        assert not faults


async def sign_in(page: Page) -> None:
    """As the operator, who finds their own tab open."""
    await page.goto("/sign-in")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("button", name="Sign out").wait_for()


async def _selected(page: Page, tab: str) -> None:
    await expect(page.get_by_role("tab", name=tab, exact=True)).to_have_attribute("aria-selected", "true")


async def open_tab(page: Page, name: str) -> None:
    """On a phone most tabs are in a menu."""
    tab = page.get_by_role("tab", name=name, exact=True)
    if not await tab.is_visible():
        await page.get_by_role("button", name="More tabs").first.click()
        tab = page.get_by_role("button", name=name, exact=True)
    await tab.click()
