"""Compare: voices side by side on one sentence, whatever becomes of one of them."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from data.errors import InputError
from tests.browser import open_tab, page_backend, page_settings, visiting
from tests.discord_fronts import BabblingEngine, store_voice
from trainer.voice import Voice

pytestmark = pytest.mark.timeout(600)  # a browser on a busy machine takes its time


class BrokenForSome(BabblingEngine):
    """Can't load two of the voices."""

    def load(self, voice: Voice) -> BabblingEngine:
        if voice.record.name == "damaged":
            raise InputError("The voice's <folder> is damaged; train it again.")
        if voice.record.name == "faulty":
            raise ZeroDivisionError
        return self


@pytest.mark.slow
async def test_voices_side_by_side(tmp_path: Path) -> None:
    async with page_backend(page_settings(tmp_path), BrokenForSome()) as backend:
        store, settings = backend.store, backend.settings
        await store_voice(store, settings, "keeper")
        async with visiting(backend) as page:
            await open_tab(page, "Compare")
            await expect(page.get_by_text("Comparing takes two voices.")).to_be_visible()
            await expect(page.get_by_role("button", name="Compare")).to_be_hidden()
            for name in ("damaged", "faulty", "sweeper"):
                await store_voice(store, settings, name)
            await open_tab(page, "Speak")
            await open_tab(page, "Compare")
            compare = page.get_by_role("button", name="Compare")

            await _choose(page, "keeper")
            await compare.click()
            await expect(page.get_by_text("Choose two or three voices.")).to_be_visible()
            assert not await store.replies.recent()

            await _choose(page, "sweeper", "damaged")
            await page.get_by_label("Start of the sentence").locator("visible=true").fill("The tide")
            await compare.click()
            sides = page.locator("#compared section")
            await expect(sides.get_by_role("heading")).to_have_text(["keeper", "sweeper", "damaged"])
            for number in range(2):
                await expect(sides.nth(number).locator("li")).to_have_count(3)
                await expect(sides.nth(number).locator(".opening").first).to_have_text("The tide")
            await expect(sides.nth(1)).to_contain_text("AI imitation of @sweeper, not the person")
            await expect(sides.nth(2).get_by_role("alert")).to_have_text(
                "The voice's <folder> is damaged; train it again."
            )
            boxes = [await side.bounding_box() for side in await sides.all()]
            assert len({box["y"] for box in boxes if box}) == 1

            await page.set_viewport_size({"width": 390, "height": 844})
            boxes = [await side.bounding_box() for side in await sides.all()]
            assert len({box["x"] for box in boxes if box}) == 1
            assert len({box["y"] for box in boxes if box}) == 3
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

            await page.locator(".token").filter(has_text="damaged").get_by_role("button").click()
            await _choose(page, "faulty")
            await compare.click()
            await expect(sides.nth(2)).to_contain_text("please report reference")
            await expect(sides.nth(0).locator("li")).to_have_count(3)


async def _choose(page: Page, *names: str) -> None:
    """Add voices to those that are chosen."""
    choice = page.get_by_label("Two or three voices")
    await choice.click()
    for name in names:
        await page.get_by_role("option", name=name).click()
    await choice.press("Tab")  # closes the list, which stays open for further choices
