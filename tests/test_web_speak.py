"""Speak: ten candidates and why others were not said, copied, shared as a picture, posted; and a short talk."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Page, expect

from bot.fronts.web.picture_panel import file_name
from bot.fronts.web.spoken import on_record
from bot.gates import Reason
from bot.gates.words import WHY
from bot.imitator import Occasion
from data.errors import NotFoundError, RefusedError
from tests.browser import PHONE, open_tab, page_backend, page_settings, sign_in, visiting
from tests.discord_fronts import BabblingEngine, store_voice
from tests.social_doubles import ScriptedPlatform
from tests.web_operators import OWN_POST, VOICE, autoposting, operated, operator_settings
from trainer.engine import Continuation, Line, Sampling

pytestmark = pytest.mark.timeout(600)  # a browser on a busy machine takes its time

MARKUP = " <img src=x onerror=alert(1)> ${alert(2)} {{value}} of fog & soup."
LABEL = "AI imitation of @keeper, not the person"


class RecitingEngine(BabblingEngine):
    """Says the texts one after the other, then babbles."""

    def __init__(self, *texts: str) -> None:
        super().__init__()
        self._texts = list(texts)

    def speak(self, lines: Sequence[Line], sampling: Sampling) -> list[Continuation]:
        babbled = super().speak(lines, sampling)
        recited = [Continuation(text, finished=True) for text in self._texts[: len(lines)]]
        del self._texts[: len(lines)]
        return recited + babbled[len(recited) :]


def test_every_reason_has_words() -> None:
    assert set(WHY) == set(Reason)


def test_a_picture_is_named_by_whose_it_is_and_what_it_shows() -> None:
    assert file_name("a+b", "My dream: is ../a/boat, “big” one!") == "mynah-a+b-my-dream-is-a-boat-big.png"
    assert file_name("keeper", "私の夢は霧 والضباب") == "mynah-keeper-私の夢は霧-والضباب.png"
    assert len(file_name("keeper", "霧" * 1000).encode()) <= 255


async def test_buttons_reach_only_what_was_said_on_this_page(tmp_path: Path) -> None:
    async with page_backend(page_settings(tmp_path)) as backend:
        voice = await store_voice(backend.store, backend.settings, "keeper")
        elsewhere = Occasion("discord", "discord:7", "dm")
        (reply,) = await backend.imitator.continue_opening(voice, "My", 1, occasion=elsewhere)
        for number in (reply.id, 10**9, True, "1", None):
            with pytest.raises(NotFoundError):
                await on_record(backend, number)
        here = Occasion("web", "web:operator")
        (reply,) = await backend.imitator.continue_opening(voice, "My", 1, occasion=here)
        assert (await on_record(backend, reply.id))[1].name == "keeper"
        await backend.store.consent.opt_out("keeper", "a test")
        with pytest.raises(RefusedError):
            await on_record(backend, reply.id)


@pytest.mark.slow
async def test_candidates_are_text_and_can_be_copied_and_shared(tmp_path: Path) -> None:
    engine = RecitingEngine(MARKUP, " see https://example.org/<b>x</b>", " the the the the the fog", MARKUP)
    async with page_backend(page_settings(tmp_path), engine) as backend:
        await store_voice(backend.store, backend.settings, "keeper")
        async with visiting(backend, **PHONE) as page:
            await expect(page.get_by_label("Start of the sentence")).to_have_value("My dream is")
            await page.get_by_role("button", name="Speak", exact=True).click()
            lines = page.locator("#spoken .lines:not(details *) > li")
            await expect(lines).to_have_count(7)
            await expect(lines.first.locator("p")).to_have_text(f"My dream is{MARKUP}")
            await expect(page.locator("#spoken")).to_contain_text(LABEL)
            assert len(await backend.store.replies.recent()) == 7

            reasons = page.locator("#spoken details")
            await expect(reasons.locator("li").first).to_be_hidden()
            await reasons.get_by_text("Why 3 others were not said").click()
            await expect(reasons.locator(".reason")).to_have_text(
                [f"Not said, as {WHY[reason]}." for reason in (Reason.LINK, Reason.REPEATING, Reason.REPEATING)]
            )
            await expect(reasons.locator("p").first).to_have_text("My dream is see https://example.org/<b>x</b>")

            await _copies_without_a_clipboard(page, f"My dream is{MARKUP}\n({LABEL})")
            await _shares_pictures(page)
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

            await page.get_by_label("Start of the sentence").fill("")
            await page.get_by_role("button", name="The best thing about rain").click()
            await expect(page.get_by_label("Start of the sentence")).to_have_value("The best thing about rain")
            await page.get_by_role("button", name="Speak", exact=True).click()
            await expect(lines.first.locator(".opening")).to_have_text("The best thing about rain")
            await expect(lines).to_have_count(10)
            await expect(reasons).to_have_count(0)

            await sign_in(page)
            await open_tab(page, "Speak")
            await _speak(page)
            await page.get_by_role("button", name="Post", exact=True).first.click()
            await expect(page.locator("#spoken-post")).to_contain_text("No account is set up to post from")
            await expect(page.get_by_role("button", name="Post now")).to_be_hidden()


async def _copies_without_a_clipboard(page: Page, text: str) -> None:
    """As over the network, where browsers have none for pages without https."""
    await page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    copy = page.locator("#spoken button").get_by_text("Copy").first
    await copy.click()
    await expect(page.locator("#spoken button").first).to_have_text("Copied")
    field = page.get_by_label("Start of the sentence")
    await field.fill("")
    await field.press("Control+V")
    assert (await field.input_value()).replace("\n", " ") == text.replace("\n", " ")
    await expect(page.locator("#spoken button").first).to_have_text("Copy")


async def _shares_pictures(page: Page) -> None:
    await page.get_by_role("button", name="Share picture").first.click()
    sheet = page.locator("#spoken-picture")
    picture = sheet.get_by_role("img", name="AI bot of @keeper, made up by a machine: My dream is <img src=x")
    await expect(picture).to_be_visible()
    light = await _downloaded(page)
    await sheet.get_by_label("Dark").check()
    await expect(picture).not_to_have_attribute("src", await picture.get_attribute("src") or "")
    dark = await _downloaded(page)
    assert light.size == dark.size == (1200, 628)
    assert sum(light.getpixel((600, 120))) > sum(dark.getpixel((600, 120)))  # type: ignore[arg-type]  # of RGB
    await sheet.get_by_role("button", name="Close").click()
    await expect(sheet).to_be_hidden()


async def _downloaded(page: Page) -> Image.Image:
    async with page.expect_download() as downloading:
        await page.locator("#spoken-picture").get_by_role("button", name="Download").click()
    download = await downloading.value
    assert download.suggested_filename == "mynah-keeper-my-dream-is-img-src-x.png"
    return Image.open(await download.path()).convert("RGB")


@pytest.mark.slow
async def test_only_the_operator_posts(tmp_path: Path) -> None:
    x = ScriptedPlatform()
    async with operated(operator_settings(tmp_path), x) as backend, visiting(backend) as page:
        serving = asyncio.create_task(autoposting(backend).serve())
        sheet = page.locator("#spoken-post")
        await _speak(page)
        await page.get_by_role("button", name="Post", exact=True).first.click()
        await expect(sheet.get_by_role("link", name="sign in")).to_have_attribute("href", "/sign-in")
        await expect(sheet.get_by_role("button", name="Post now")).to_be_hidden()
        assert "Sign in first" in await _pressed_by_hand(page, [1, "x"])

        await sign_in(page)
        await open_tab(page, "Speak")
        await _speak(page)
        await page.get_by_role("button", name="Share picture").nth(1).click()
        await expect(page.locator("#spoken-picture")).to_be_visible()
        await page.get_by_role("button", name="Post", exact=True).nth(1).click()
        await expect(page.locator("#spoken-picture")).to_be_hidden()
        text = await page.locator("#spoken .lines li p").nth(1).inner_text()
        goes_out = sheet.get_by_label("Exactly this goes out")
        await expect(goes_out).to_have_value(f"{text}\n\n🤖 AI parody")
        await sheet.get_by_role("button", name="Post now").click()
        await expect(sheet.locator("textarea")).to_have_value("Posted on X. https://x.com/i/status/901")
        await expect(sheet.get_by_role("button", name="Post now")).to_be_hidden()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        assert x.published == [(f"{text}\n\n🤖 AI parody", "")]


async def _speak(page: Page) -> None:
    await page.get_by_role("button", name="Speak", exact=True).click()
    await page.get_by_role("button", name="Post", exact=True).first.wait_for()


async def _pressed_by_hand(page: Page, data: list[Any]) -> str:
    """What the server answers to Post now from a browser that was never shown the button."""
    return str(
        await page.evaluate(
            """async (data) => {
                const button = gradio_config.components.find(({props}) => props.value === 'Post now');
                const {id} = button;
                const event = gradio_config.dependencies.find(({targets}) => targets.some(([at]) => at === id));
                const session_hash = 'by-hand';
                const headers = {'Content-Type': 'application/json'};
                const body = JSON.stringify({data, fn_index: event.id, session_hash});
                await fetch('/gradio_api/queue/join', {method: 'POST', headers, body});
                return await (await fetch(`/gradio_api/queue/data?session_hash=${session_hash}`)).text();
            }""",
            data,
        )
    )


@pytest.mark.slow
async def test_a_talk_with_a_voice(tmp_path: Path) -> None:
    engine = RecitingEngine()
    async with page_backend(page_settings(tmp_path), engine) as backend:
        await store_voice(backend.store, backend.settings, VOICE, posts=(OWN_POST, "All is well at the lamp."))
        await store_voice(backend.store, backend.settings, "sweeper")
        async with visiting(backend, **PHONE) as page:
            await page.get_by_role("tab", name="Answer me").click()
            field = page.get_by_label("Say something to it")
            await field.fill("What of the <b>gull</b> and its soup?")
            await page.get_by_role("button", name="Send").click()
            answers = page.locator("#answers .turn:not(.asked)")
            await expect(answers).to_have_count(1)
            await expect(answers).to_contain_text("keeper (AI)")
            await expect(page.locator("#answers .asked")).to_have_text("What of the <b>gull</b> and its soup?")
            await expect(field).to_have_value("")

            engine.lines.clear()
            await field.fill("Why?")
            await field.press("Enter")
            await expect(answers).to_have_count(2)
            assert any("gull" in line.opening or "soup" in line.opening for line in engine.lines)

            engine._texts[:] = [f" {OWN_POST}"] * 50  # which it may not say
            await field.fill("Hm?")
            await field.press("Enter")
            await expect(answers.last).to_have_text(
                "keeper found nothing to say that was its own; ask again or in other words."
            )
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

            await page.get_by_role("combobox", name="Voice", exact=True).locator("visible=true").click()
            await page.get_by_role("option", name="sweeper").click()
            await expect(page.locator("#answers .turn")).to_have_count(0)
