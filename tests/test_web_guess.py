"""The guessing game on the page: who may be played, what a click says, how votes count."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.erasing import erase
from bot.fronts.web.backend import WebBackend
from bot.fronts.web.tabs.guess import PLACE
from data.store import Right
from tests.browser import PHONE, open_tab, page_backend, page_settings, visiting
from tests.discord_fronts import store_voice

pytestmark = pytest.mark.timeout(600)  # a browser on a busy machine takes its time

# With markup, which must be read and not be obeyed.
REAL = [f"The lamp was lit {number} times before the *old* keeper <b>went</b> to bed." for number in range(40)]
KEY = "key-keeper"


async def release(backend: WebBackend, *handles: str) -> None:
    for handle in handles:
        await backend.store.consent.claim(Right(handle, "discord:5", "discord:7", audience="everyone", game=True))


async def real_of(page: Page) -> str:
    """The letter of the real post on the page."""
    await page.locator("#guess-b").wait_for()
    return "a" if await page.locator("#guess-a").get_by_text("The lamp was lit").count() else "b"


async def press(page: Page, name: str) -> None:
    """Begin a round, and wait for it."""
    before = await page.locator("#guess-a, #guess-b").all_inner_texts()
    await page.get_by_role("button", name=name, exact=True).click()
    await page.wait_for_function(
        "before => { const now = [...document.querySelectorAll('#guess-a, #guess-b')].map(card => card.innerText);"
        " return now.length == 2 && now.every(text => !before.includes(text)) }",
        arg=before,
    )


@pytest.mark.slow
async def test_somebody_plays(tmp_path: Path) -> None:
    async with page_backend(page_settings(tmp_path)) as backend:
        await store_voice(backend.store, backend.settings, "keeper", posts=REAL)
        await store_voice(backend.store, backend.settings, "secret", posts=REAL)
        async with visiting(backend) as page:
            await open_tab(page, "Guess")
            await expect(page.get_by_text("No posts are released for the game yet.")).to_be_visible()
            await expect(page.get_by_role("button", name="Play")).to_be_hidden()

            await release(backend, "keeper")
            await open_tab(page, "Cards")
            await open_tab(page, "Guess")
            await expect(page.get_by_label("Voice").locator("visible=true")).to_have_value("keeper")

            await press(page, "Play")
            real = await real_of(page)
            await expect(page.locator(f"#guess-{real}")).to_contain_text("*old* keeper <b>went</b>")
            await page.locator(f"#guess-{real}").dblclick()
            await expect(page.get_by_text(f"Right: {real.upper()} is the real post.")).to_be_visible()
            await expect(page.get_by_text("You have been right 1 of 1 time.")).to_be_visible()
            await expect(page.get_by_text("found the real post 1 of 1 time.")).to_be_visible()
            await expect(page.locator("#guess-a")).to_be_disabled()

            await press(page, "Next")
            real = await real_of(page)
            # Both at once: one of them counts, and the page says what is in the store.
            await page.evaluate("for (const letter of 'ab') document.getElementById('guess-' + letter).click()")
            await expect(page.get_by_text(f": {real.upper()} is the real post.")).to_be_visible()
            found, votes = await backend.store.game.blind_test(KEY)
            assert votes == 2
            await expect(page.get_by_text(f"You have been right {found} of 2 times.")).to_be_visible()

            await press(page, "Next")
            real = await real_of(page)
            await page.locator("#guess-b" if real == "a" else "#guess-a").click()
            await expect(page.get_by_text(f"Wrong: {real.upper()} is the real post.")).to_be_visible()
            assert await backend.store.game.blind_test(KEY) == (found, 3)

            await page.get_by_label("I know these posts").check()
            await press(page, "Next")
            await page.locator("#guess-a").click()
            await expect(page.get_by_text("This guess was not counted.")).to_be_visible()
            assert await backend.store.game.blind_test(KEY) == (found, 3)

            [score] = await backend.store.game.leaderboard(PLACE)
            assert score.person.startswith("web:")
            assert len(score.person) > len("web:")


@pytest.mark.slow
async def test_on_a_phone_what_was_erased_goes_from_the_page(tmp_path: Path) -> None:
    async with page_backend(page_settings(tmp_path)) as backend:
        await store_voice(backend.store, backend.settings, "keeper", posts=REAL)
        await store_voice(backend.store, backend.settings, "other", posts=["Too short."])
        await release(backend, "keeper", "other")
        async with visiting(backend, **PHONE) as page:
            await open_tab(page, "Guess")
            choice = page.get_by_label("Voice").locator("visible=true")
            await expect(choice).to_have_value("Any of them")
            await choice.click()
            await page.get_by_role("option", name="other").click()
            await page.get_by_role("button", name="Play").click()
            await expect(page.get_by_text("has no post that suits the game")).to_be_visible()
            await choice.click()
            await page.get_by_role("option", name="keeper").click()
            await press(page, "Play")
            assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["viewport"]["width"]

            await erase(backend.store, backend.settings, "keeper")
            await page.locator("#guess-a").click()
            await expect(page.get_by_text("This round is over")).to_be_visible()
            await expect(page.get_by_text("The lamp was lit")).to_have_count(0)
