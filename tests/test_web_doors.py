"""Who comes in: by address, by origin, by password; in a real browser and by hand-made requests."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from bot.fronts.web.doors import Doors
from data.errors import InputError
from data.settings import WebSettings
from tests.browser import open_tab, page_backend, page_settings, sign_in, visiting


def test_others_reach_a_page_only_with_a_password() -> None:
    with pytest.raises(InputError, match="MYNAH_WEB__PASSWORD"):
        Doors(WebSettings(host="0.0.0.0"))


@pytest.mark.slow
async def test_the_page_opens_on_a_machine_without_voices(tmp_path: Path) -> None:
    async with page_backend(page_settings(tmp_path)) as backend, visiting(backend) as page:
        await expect(page.get_by_role("tab", name="Bring posts")).to_have_attribute("aria-selected", "true")


@pytest.mark.slow
async def test_the_operator_signs_in_and_out(tmp_path: Path) -> None:
    async with page_backend(page_settings(tmp_path)) as backend, visiting(backend) as page:
        await page.goto("/sign-in")
        await page.get_by_label("Password").fill("another word")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_have_text("That is not the password.")
        await sign_in(page)
        await open_tab(page, "Operator")
