"""What a voice just said goes out once, or nothing of it is left that could."""

import asyncio
from pathlib import Path

import pytest

from bot.fronts.web.posting import post
from bot.platforms import NotDoneError, TurnedDownError
from data.errors import InputError, MynahError, RefusedError
from data.store.draft import UNSENT
from tests.social_doubles import ScriptedPlatform
from tests.web_operators import OWN_POST, VOICE, autoposting, draft_of, operated, operator_settings

TEXT = "The fog has opinions."
SENT = f"{TEXT}\n\n🤖 AI parody"


async def test_a_running_bot_brings_it_out_once(tmp_path: Path) -> None:
    x = ScriptedPlatform()
    async with operated(operator_settings(tmp_path), x) as backend:
        serving = asyncio.create_task(autoposting(backend).serve())
        try:
            told = await post(backend, VOICE, "x", f"  {TEXT} ")
            assert told == "Posted on X. https://x.com/i/status/901"
            with pytest.raises(MynahError, match="posted before"):
                await post(backend, VOICE, "x", TEXT)
            await asyncio.sleep(0.1)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        assert x.published == [(SENT, "")]
        assert [draft.state for draft in await backend.store.drafts.recent()] == ["rejected", "posted"]


async def test_two_clicks_at_once_post_it_once(tmp_path: Path) -> None:
    x = ScriptedPlatform()
    async with operated(operator_settings(tmp_path), x) as backend:
        both = [post(backend, VOICE, "x", TEXT, patience=0) for _ in range(2)]
        outcomes = await asyncio.gather(*both, return_exceptions=True)
        publisher = autoposting(backend)
        for draft in await backend.store.drafts.in_state("approved"):
            await publisher.once(draft)
        assert len(x.published) <= 1
        assert any(isinstance(one, MynahError) for one in outcomes)
        assert not await backend.store.drafts.in_state(*UNSENT)


async def test_without_a_bot_it_says_what_it_waits_for(tmp_path: Path) -> None:
    x = ScriptedPlatform()
    async with operated(operator_settings(tmp_path), x) as backend:
        told = await post(backend, VOICE, "x", TEXT, patience=0.05)
        assert "as soon as `mynah bot` or `mynah run` gets to it" in told
        assert "None has taken it up yet" in told
        assert not x.published
        [draft] = await backend.store.drafts.in_state("approved")
        assert (draft.text, draft.decided_by, draft.person) == (TEXT, "operator", "operator")
        ended = await autoposting(backend).once(draft)
        again = await autoposting(backend).once(draft)
        assert (ended.state, again.state) == ("posted", "posted")
        assert x.published == [(SENT, "")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Look at https://example.org now.", "link"),
        ("Hello @somebody, how is the fog?", "mentions"),
        ("fog " * 70 + "and soup.", "shorten it"),
        (OWN_POST, "own posts"),
    ],
)
async def test_what_may_not_go_out_is_refused_and_nothing_waits(tmp_path: Path, text: str, why: str) -> None:
    async with operated(operator_settings(tmp_path)) as backend:
        with pytest.raises(RefusedError, match=why) as refusal:
            await post(backend, VOICE, "x", text)
        [draft] = await backend.store.drafts.recent()
        assert (draft.state, draft.error) == ("rejected", str(refusal.value))


async def test_nothing_begins_without_words_or_confirmed_rules(tmp_path: Path) -> None:
    async with operated(operator_settings(tmp_path), confirmed=False) as backend:
        with pytest.raises(InputError, match="nothing to post"):
            await post(backend, VOICE, "x", " \n")
        with pytest.raises(RefusedError, match="mynah autopost confirm x"):
            await post(backend, VOICE, "x", TEXT)
        with pytest.raises(InputError, match="Bluesky is not set up"):
            await post(backend, VOICE, "bluesky", TEXT)
        assert not await backend.store.drafts.recent()


async def test_a_dry_run_leaves_nothing_for_a_bot_without_one(tmp_path: Path) -> None:
    x = ScriptedPlatform()
    async with operated(operator_settings(tmp_path, dry_run=True), x) as backend:
        assert await post(backend, VOICE, "x", TEXT) == "A dry run: without it, that would be on X now."
        with pytest.raises(RefusedError, match="link"):
            await post(backend, VOICE, "x", "See https://example.org.")
        assert not await backend.store.drafts.in_state(*UNSENT, "posting")
        assert not x.published


async def test_what_the_platform_says_is_told(tmp_path: Path) -> None:
    x = ScriptedPlatform()
    x.errors = [TurnedDownError("X turned it down."), NotDoneError("X asks to wait.", 900)]
    async with operated(operator_settings(tmp_path), x) as backend:
        serving = asyncio.create_task(autoposting(backend).serve())
        try:
            with pytest.raises(RefusedError, match="It was not posted: X turned it down"):
                await post(backend, VOICE, "x", TEXT)
            told = await post(backend, VOICE, "x", "Soup is for gulls.")
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        assert told == "It is approved and waits. X asks to wait."
        [first] = await backend.store.drafts.in_state("failed")
        assert (await draft_of(backend, first.id)).error == "X turned it down."
