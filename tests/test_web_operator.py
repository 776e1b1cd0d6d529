"""The operator's part in a real browser: what is decided there happens, and nobody else sees or does any of it."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Page, expect
from pydantic import SecretStr

from bot.autopost.checklist import CHECKLISTS, confirmed
from bot.autopost.timing import Timing
from bot.fronts.web.backend import WebBackend
from bot.fronts.web.serving import serve_page
from data.settings import WebSettings
from data.store import Charge
from data.store.draft import UNSENT
from tests.browser import PASSWORD, PHONE, open_tab, sign_in, visiting
from tests.social_doubles import ScriptedPlatform
from tests.web_operators import VOICE, autoposting, draft_of, operated, operator_settings, waiting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SECRET = "The fog keeps a secret ledger."
HOSTILE = "<img src=x onerror=alert(1)> ${1+1} {{value}}"
EVERY = Timing.from_words(every="6h", between="08:00-22:00", timezone="Asia/Tokyo")


async def enter(page: Page) -> None:
    """As the operator, in the operator's tab."""
    await sign_in(page)
    await page.get_by_role("button", name="Sign out").wait_for()


async def test_the_operator_confirms_rules_makes_schedules_and_sees_the_bill(tmp_path: Path) -> None:
    async with operated(operator_settings(tmp_path), confirmed=False) as backend:
        days = {"2026-10-30": 40, "2026-10-31": 20}
        for day, count in days.items():
            reads = [Charge("post read", f"{day} {number}", 5_000) for number in range(count)]
            await backend.store.ledger.settle("x", day, reads, writing=False, day=day)
        await backend.store.ledger.settle("x", "now", [Charge("post", "1", 15_000)], writing=False)
        async with visiting(backend) as page:
            await enter(page)
            await _goes_through_the_rules(page, backend)
            await _makes_a_schedule(page, backend)
            await open_tab(page, "Spending")
            await expect(page.get_by_text("Today: $0.015 of $1.00. $0.985 is left.")).to_be_visible()
            await page.get_by_label("Month", exact=True).click()
            await page.get_by_role("option", name="October 2026").click()
            await expect(page.get_by_text("October 2026: $0.300 of $5.00. $4.700 is left.")).to_be_visible()
            await expect(page.get_by_role("row", name="X post read 60 0.300")).to_be_visible()
            await expect(page.get_by_title("30 October 2026: $0.200")).to_be_visible()
            await expect(page.get_by_text("Today: $")).to_have_count(0)
            await page.get_by_role("button", name="Sign out").click()
            await expect(page.get_by_role("link", name="Sign in")).to_be_visible()
            assert "0.300" not in await page.content()


async def _goes_through_the_rules(page: Page, backend: WebBackend) -> None:
    await open_tab(page, "Schedule")
    await expect(page.get_by_text("Rules of X for bots: not confirmed yet")).to_be_visible()
    rules = CHECKLISTS["x"]
    for rule in rules[1:]:
        await page.get_by_label(rule.holds).check()
    await page.get_by_role("button", name="Confirm", exact=True).click()
    await expect(page.get_by_text("see to: Automated label")).to_be_visible()
    assert await confirmed(backend.store, "x") is None
    await page.get_by_label(rules[0].holds).check()
    await page.get_by_role("button", name="Confirm", exact=True).click()
    await expect(page.get_by_text("Rules of X for bots: confirmed")).to_be_visible()
    known = await confirmed(backend.store, "x")
    assert known is not None
    assert known[0] == "operator"


async def _makes_a_schedule(page: Page, backend: WebBackend) -> None:
    await expect(page.get_by_text("No schedules yet.")).to_be_visible()
    await page.get_by_role("button", name="New schedule").click()
    await page.get_by_label("How often").fill("often")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_text("is not a span of time")).to_be_visible()
    await page.get_by_label("How often").fill("6h")
    await page.get_by_label("Between").fill("08:00-22:00")
    await page.get_by_label("Time zone").fill("Asia/Tokyo")
    await page.get_by_label("Opening").fill("<b>Fog</b>")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_label("Added")).to_have_value(re.compile("first posts .* A month has about "))
    [schedule] = await backend.store.schedules.all()
    assert Timing.from_json(schedule.timing) == EVERY
    assert (schedule.voice, schedule.platform, schedule.approve, schedule.person) == (VOICE, "x", True, "operator")
    await expect(page.get_by_text("begins “<b>Fog</b>” · asks you before each post")).to_be_visible()
    await page.get_by_role("button", name="Pause").click()
    await page.get_by_role("button", name="Resume").wait_for()
    assert [one.paused for one in await backend.store.schedules.all()] == [True]
    await page.get_by_role("button", name="Resume").click()
    await page.get_by_role("button", name="Pause").wait_for()
    assert [one.paused for one in await backend.store.schedules.all()] == [False]
    await page.get_by_role("button", name="Remove", exact=True).click()
    await page.get_by_role("button", name="Remove for good").wait_for()
    assert await backend.store.schedules.all()
    await page.get_by_role("button", name="Remove for good").click()
    await expect(page.get_by_text("No schedules yet.")).to_be_visible()
    assert not await backend.store.schedules.all()


async def test_drafts_are_approved_edited_and_rejected_while_others_arrive(tmp_path: Path) -> None:
    x = ScriptedPlatform()
    async with operated(operator_settings(tmp_path), x) as backend:
        first = await waiting(backend, "The fog is late.")
        async with visiting(backend, **PHONE) as page:
            await enter(page)
            field = page.get_by_label(f"Text of draft {first.id}")
            await field.click()
            await field.press("End")
            await field.press_sequentially(" So")
            hostile = await waiting(backend, HOSTILE)
            await expect(page.get_by_label(f"Text of draft {hostile.id}")).to_have_value(HOSTILE)
            await page.keyboard.type(" is soup.")  # wherever the focus is by now
            await expect(field).to_have_value("The fog is late. So is soup.")
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390

            await page.get_by_role("button", name="Reject").nth(1).click()
            await expect(page.get_by_label(f"Text of draft {hostile.id}")).to_have_count(0)
            assert (await draft_of(backend, hostile.id)).decided_by == "operator"
            await expect(page.get_by_text(HOSTILE)).to_be_visible()  # in the queue, as text

            # One that changed meanwhile is not approved by who has not seen how.
            await backend.desk.edit(first.id, "The fog is early.")
            await page.get_by_role("button", name="Approve").click()
            await expect(
                page.get_by_text("has changed meanwhile").or_(page.get_by_text("The fog is early."))
            ).to_have_count(1)
            field = page.get_by_label(f"Text of draft {first.id}")
            await expect(field).to_have_value("The fog is early.")
            assert (await draft_of(backend, first.id)).state == "draft"

            await field.fill("See https://example.org.")
            await page.get_by_role("button", name="Save").click()
            await expect(page.get_by_text("as it holds a link")).to_be_visible()
            await field.fill("The fog is on time.")
            await page.get_by_role("button", name="Approve").click()
            await expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
            approved = await draft_of(backend, first.id)
            assert (approved.state, approved.text, approved.decided_by) == (
                "approved",
                "The fog is on time.",
                "operator",
            )
            await autoposting(backend).once(approved)
            link = page.get_by_role("link", name="Look at it")
            await expect(link).to_have_attribute("href", "https://x.com/i/status/901")
            assert x.published == [("The fog is on time.\n\n🤖 AI parody", "")]

            last = await waiting(backend, "Soup, again.")
            await page.get_by_role("button", name="Another").click()
            await expect(page.get_by_text("It waits for its text.")).to_be_visible()
            assert (await draft_of(backend, last.id)).state == "due"


async def test_strangers_see_nothing_and_change_nothing(tmp_path: Path) -> None:
    """Over gradio's own interface, event by event, as nobody's browser would ask."""
    async with operated(operator_settings(tmp_path)) as backend:
        await waiting(backend, SECRET)
        schedule = await backend.plans.add(VOICE, "x", EVERY, prompt="Secretly", approve=True)
        await backend.store.ledger.settle("x", "now", [Charge("post", "1", 123_000)], writing=False)
        async with serve_page(backend) as address, asking(address) as ask:
            events = operator_events(await ask.config())
            looks = [event for event in events if "load" in dict(event["targets"]).values()]
            acts = [event for event in events if {"click", "input"} & set(dict(event["targets"]).values())]
            told = json.dumps(await ask.config()) + await ask.all(events, "of a stranger")
            assert told.count("Sign in first") == len(acts)
            assert not [secret for secret in (SECRET, "Secretly", "0.123") if secret in told]

            # The session of the operator knows the drafts; without the operator's cookie that is of no use.
            seen = await ask.all(looks, "of the operator", await ask.sign_in())
            assert SECRET in seen
            assert "0.123" in seen
            told = await ask.all(acts + looks, "of the operator")
            assert told.count("Sign in first") == len(acts)
            assert not [secret for secret in (SECRET, "0.123") if secret in told]

        [same] = await backend.store.drafts.in_state(*UNSENT)
        assert (same.state, same.text) == ("draft", SECRET)
        assert await backend.store.schedules.all() == [schedule]
        assert await confirmed(backend.store, "x") is not None


async def test_without_a_password_it_says_how_to_set_one(tmp_path: Path) -> None:
    settings = operator_settings(tmp_path, web=WebSettings(port=0, password=SecretStr("")))
    async with operated(settings) as backend, visiting(backend) as page:
        await page.locator("[role=tab][aria-selected=true]", has_text="Speak").wait_for()
        await open_tab(page, "Operator")
        await expect(page.get_by_text("MYNAH_WEB__PASSWORD=")).to_be_visible()
        await expect(page.get_by_role("link", name="Sign in")).to_have_count(0)


class Asker:
    """Calls events of the page by hand, without cookies."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self._address = address.rstrip("/")

    async def config(self) -> dict[str, Any]:
        async with self._session.get(f"{self._address}/config") as response:
            config: dict[str, Any] = await response.json()
            return config

    async def sign_in(self) -> str:
        """As the operator; gives the cookie."""
        form = {"password": PASSWORD}
        async with self._session.post(f"{self._address}/sign-in", data=form, allow_redirects=False) as response:
            return response.headers["Set-Cookie"].partition(";")[0]

    async def all(self, events: list[dict[str, Any]], session_hash: str, cookie: str = "") -> str:
        """One after the other, each with nothing filled in."""
        told = [
            await self.event(event["id"], [None] * len(event["inputs"]), session_hash, cookie) for event in events
        ]
        return "".join(told)

    async def event(self, number: int, data: list[Any], session_hash: str, cookie: str = "") -> str:
        """All that is answered to it."""
        asked = {"fn_index": number, "data": data, "session_hash": session_hash, "trigger_id": None}
        async with self._session.post(
            f"{self._address}/gradio_api/queue/join", json=asked, headers={"Cookie": cookie}
        ) as response:
            if response.status != 200:
                return await response.text()
            joined = (await response.json())["event_id"]
        told = ""
        url = f"{self._address}/gradio_api/queue/data?session_hash={session_hash}"
        async with self._session.get(url) as stream:
            async for line in stream.content:
                told += line.decode()
                if b"process_completed" in line and joined.encode() in line:
                    break
        return told


@asynccontextmanager
async def asking(address: str) -> AsyncIterator[Asker]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Asker(session, address)


def operator_events(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that something in the operator's tab takes part in."""
    tab = next(one["id"] for one in config["components"] if one["props"].get("id") == "operator")
    inside = set(_ids_under(config["layout"], tab))
    assert len(inside) > 20
    return [
        event
        for event in config["dependencies"]
        if event["backend_fn"]
        and inside & {*event["inputs"], *event["outputs"], *(target[0] for target in event["targets"])}
    ]


def _ids_under(node: dict[str, Any], root: int, *, within: bool = False) -> Iterator[int]:
    within = within or node["id"] == root
    if within:
        yield node["id"]
    for child in node.get("children") or []:
        yield from _ids_under(child, root, within=within)
