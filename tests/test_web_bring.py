"""Bringing posts by the page: a file becomes counts that add up, and nothing private is left lying about."""

from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.archives import write_json_lines, write_x_archive, zip_folder
from tests.browser import PHONE, open_tab, page_backend, page_settings, visiting
from tests.posts import texts

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # a browser on a busy machine takes its time


async def choose(page: Page, file: Path) -> None:
    """As a person who picks a file, and waits until it has arrived."""
    await page.locator("#bring-file input[type=file]").set_input_files(file)
    await expect(page.locator("#bring-file")).to_contain_text(file.stem)


async def sum_of(receipt: Locator) -> dict[str, int]:
    """The receipt's rows, without their signs."""
    rows = await receipt.locator("tr").all()
    cells = [(await row.locator("th").inner_text(), await row.locator("td").inner_text()) for row in rows]
    return {words.lstrip("\u2212= "): int(count.replace(",", "")) for words, count in cells}


def files_in(*folders: Path) -> list[Path]:
    """Those that hold something."""
    return [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.stat().st_size]


async def test_a_file_becomes_a_sum_and_leads_to_training(tmp_path: Path) -> None:
    home = tmp_path / "home"
    rows = [{"id": str(100 + number), "text": text} for number, text in enumerate(texts(400))]
    rows += [
        {"id": "9000", "text": "RT @gull: Caw caw caw."},
        {"id": "9001", "text": "Fog."},
        {"id": "9002", "text": ""},
        {"id": "9003", "text": "Letters about the lamp go to keeper@example.org, please."},
    ]
    nameless = write_json_lines(tmp_path / "posts of fog.jsonl", rows)
    large = tmp_path / "large.zip"
    large.write_bytes(bytes(2 * 2**20))
    async with page_backend(page_settings(home, max_upload_mb=1)) as backend, visiting(backend) as page:
        take, receipt = page.get_by_role("button", name="Import"), page.locator("#bring-receipt")
        toasts = page.get_by_test_id("toast-body")
        own = page.get_by_label("These are my own posts")
        await expect(page.locator("#bring-corpora")).to_contain_text("Nobody's yet")

        await page.locator("#bring-file input[type=file]").set_input_files(large)
        await expect(page.locator("#bring-too-large")).to_contain_text("large.zip has 2 MB and this page takes 1;")
        await take.click()
        await expect(toasts.last).to_contain_text("Choose a file first.")
        await choose(page, nameless)
        await expect(page.locator("#bring-too-large")).to_be_empty()
        await expect(own).not_to_be_checked()
        await take.click()
        await expect(toasts.last).to_contain_text("Say first whose word allows this")
        assert await backend.store.posts.handles() == []

        await own.check()
        await take.click()  # by now nobody has said whose posts these are
        await expect(receipt.get_by_role("alert")).to_contain_text("add “Handle” with the account's name")
        assert files_in(home / "web", home / "incoming") == []
        assert await backend.store.posts.handles() == []

        await choose(page, nameless)
        await page.get_by_label("Handle").fill(" @Keeper")
        await take.click()
        await expect(receipt).to_contain_text("403 posts new, from a JSON Lines file.")
        counts = await sum_of(receipt)
        assert list(counts.items())[:4] == [
            ("Downloaded", 403),
            ("retweets", 1),
            ("too few words", 1),
            ("private data", 1),
        ]
        first, *taken, kept = counts.values()
        assert first - sum(taken) == kept > 200
        await expect(receipt).to_contain_text("Not read: 1 without text.")
        await expect(receipt.locator(".mynah-warning")).to_contain_text("so import more posts")
        assert files_in(home / "web", home / "incoming") == []
        await expect(own).not_to_be_checked()  # the next file needs a word of its own
        await expect(page.locator("#bring-corpora tbody tr")).to_have_text(f"@keeper403{kept}a JSON Lines file")
        [origin] = await backend.store.posts.imports("keeper")
        assert (origin.file_name, origin.consent, origin.may_publish) == (
            nameless.name,
            "the owner, who brought the file",
            False,
        )

        await page.get_by_role("button", name="Train a voice of @keeper").click()
        await expect(page.get_by_role("tab", name="Train")).to_have_attribute("aria-selected", "true")
        await expect(page.locator("#train-handles .token")).to_have_text("keeper")


async def test_an_archive_by_phone(tmp_path: Path) -> None:
    archive = zip_folder(write_x_archive(tmp_path / "archive", texts(40)), tmp_path / "twitter.zip")
    async with page_backend(page_settings(tmp_path / "home")) as backend, visiting(backend, **PHONE) as page:
        await choose(page, archive)
        await page.get_by_label("Their owner gave them to me for this").check()
        await page.get_by_label("A voice of these posts may be published").check()
        await page.get_by_role("button", name="Import").click()
        receipt = page.locator("#bring-receipt")
        await expect(receipt).to_contain_text("40 posts new, from the archive that X gives its users.")
        await expect(receipt.locator(".mynah-wrong")).to_contain_text("at least 6,000 are needed")
        await expect(page.get_by_role("button", name="Train a voice of")).to_be_hidden()
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        [origin] = await backend.store.posts.imports("ada_example")
        assert origin.consent.startswith("somebody who says that the owner gave them the file")
        assert origin.may_publish

        await backend.store.consent.opt_out("ada_example", None)
        await choose(page, archive)
        await page.get_by_label("These are my own posts").check()
        await page.get_by_role("button", name="Import").click()
        await expect(receipt.get_by_role("alert")).to_contain_text("@ada_example has opted out")
        await open_tab(page, "Train")
        await expect(page.get_by_text("There are no posts to learn from yet.")).to_be_visible()
