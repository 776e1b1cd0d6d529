"""Cards on the page: they read well, are harmless whatever a voice holds, and go home as they are."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import expect

from bot.cards import card_of
from tests.browser import PHONE, open_tab, page_backend, page_settings, visiting
from tests.discord_fronts import store_voice
from trainer.learned import Learned
from trainer.voice import RECORD

pytestmark = pytest.mark.timeout(600)  # a browser on a busy machine takes its time

WICKED = (
    "My dream is <img src=http://192.0.2.1/a.png onerror=window.taken=1> ![x](http://192.0.2.1/b.png) "
    "<script>window.taken=1</script> $$\\frac{1}{2}$$ | **fog**"
)


@pytest.mark.slow
async def test_a_card_is_read_and_downloaded(tmp_path: Path) -> None:
    async with page_backend(page_settings(tmp_path)) as backend:
        async with visiting(backend) as page:
            await open_tab(page, "Cards")
            await expect(page.get_by_text("There is no voice yet.").locator("visible=true")).to_be_visible()

        voice = await store_voice(backend.store, backend.settings, "keeper")
        learned = Learned("keeper", 1234, 200, 34, 1000, {}, 9, "d", {"en": 1000}, ("csv",), ("their own",), True)
        record = replace(
            voice.record, learned=(learned,), examples=(WICKED,), tracked={"train": "trackio in <b>home</b>"}
        )
        (voice.folder / RECORD).write_text(json.dumps(record.to_json()), encoding="utf-8")
        await store_voice(backend.store, backend.settings, "other")
        async with visiting(backend) as page:
            await open_tab(page, "Cards")
            body = page.locator("#card-body")
            await expect(body.get_by_role("heading", name="Training data")).to_be_visible()
            # A stranger's words are words: no picture, no formula, no bold. `visiting` sees that none is fetched.
            await expect(body.get_by_role("cell", name="My dream is")).to_have_text(WICKED)
            await expect(body.locator("img, script, .katex")).to_have_count(0)
            assert await page.evaluate("window.taken") is None
            await expect(page.get_by_role("cell", name="1,234")).to_be_visible()
            await expect(page.get_by_text("Its making was tracked: trackio in <b>home</b>.")).to_be_visible()
            await expect(page.locator("img:visible")).to_have_count(0)
            await expect(page.locator("#card-curve polyline")).to_have_count(2)

            await page.get_by_text("Metadata, as hubs read it").click()
            await expect(page.locator("#card-metadata").get_by_text("pipeline_tag")).to_be_visible()
            async with page.expect_download() as downloading:
                await page.get_by_role("button", name="Download card").click()
            download = await downloading.value
            assert download.suggested_filename == "README.md"
            await download.save_as(tmp_path / "README.md")
            text = (tmp_path / "README.md").read_text(encoding="utf-8")
            assert text == await card_of(backend.store, backend.settings, await backend.voice("keeper"))

            choice = page.get_by_label("Voice").locator("visible=true")
            await choice.click()
            await page.get_by_role("option", name="other").click()
            await expect(body.get_by_text("This is an AI parody, not @other.")).to_be_visible()
            await page.set_viewport_size(PHONE["viewport"])
            assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["viewport"]["width"]
