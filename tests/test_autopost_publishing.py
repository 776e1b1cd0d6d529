"""From approved to posted, over the real X platform and the X on loopback, with all that happens on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from data.errors import RefusedError
from data.store import Draft, DraftState, NewDraft, Store, open_store
from data.store.ledger import MICRO
from data.store.tables import drafts
from tests.autopost_process import VOICE, World, open_world, prepare, settings_for, until_ended
from tests.x_server import XServer

CREATE, LABEL = "/2/tweets", "\n\n🤖 AI parody"


class Worlds:
    """Opens worlds over one home and one X; each is a life of a process."""

    def __init__(self, x: XServer, home: Path, stack: AsyncExitStack) -> None:
        self.x = x
        self._home = home
        self._stack = stack

    async def open(self, **settings: Any) -> World:
        world = await self._stack.enter_async_context(open_world(settings_for(self.x, self._home, **settings)))
        if await world.store.voices.newest(VOICE) is None:
            await prepare(world.store, world.settings)
        return world


@pytest.fixture(name="x")
async def _x() -> AsyncIterator[XServer]:
    async with XServer() as server:
        yield server


@pytest.fixture(name="worlds")
async def _worlds(x: XServer, tmp_path: Path) -> AsyncIterator[Worlds]:
    async with AsyncExitStack() as stack:
        yield Worlds(x, tmp_path, stack)


async def approved(world: World, text: str = "The fog has opinions.", **about: Any) -> int:
    """A draft that may go out, by its number."""
    number = await world.store.drafts.enter(NewDraft(**{"key": text, "platform": "x", "voice": VOICE} | about))
    assert number is not None
    draft = await get(world, number)
    await world.store.drafts.write(draft, "approved", text, repeats=lambda said: False)
    return number


async def get(world: World, number: int) -> Draft:
    draft = await world.store.drafts.get(number)
    assert draft is not None
    return draft


async def step_until(world: World, number: int, *states: DraftState, seconds: float = 5.0) -> Draft:
    """Let the publisher work until the draft is in one of these states."""
    async with asyncio.timeout(seconds):
        while (draft := await get(world, number)).state not in states:
            await world.publisher.step()
            await asyncio.sleep(0.01)
    return draft


async def change(store: Store, number: int, **values: Any) -> None:
    """Put a row into a state that it takes hours to come into."""
    async with store._database.writer.begin() as connection:
        await connection.execute(update(drafts).where(drafts.c.id == number).values(**values))


async def books_are_right(world: World, x: XServer) -> bool:
    return Decimal(await world.store.ledger.spent(f"{datetime.now(UTC):%Y-%m}")) / MICRO == x.spent


async def test_a_post_goes_out_with_its_label(worlds: Worlds, x: XServer) -> None:
    world = await worlds.open()
    number = await approved(world)
    assert await world.publisher.step()
    assert not await world.publisher.step()
    [post] = x.posted
    draft = await get(world, number)
    assert post.text == "The fog has opinions." + LABEL
    assert (draft.state, draft.published, draft.attempts, draft.error) == ("posted", str(post.id), 1, "")
    assert [call.method for call in x.requests] == ["POST"]  # what was never sent is not looked for
    assert await books_are_right(world, x)


async def test_the_profile_may_hold_the_label(worlds: Worlds, x: XServer) -> None:
    world = await worlds.open(x={"label": "profile"})
    await approved(world)
    await world.publisher.step()
    assert x.posted[0].text == "The fog has opinions."


async def test_an_answer_goes_under_its_mention(worlds: Worlds, x: XServer) -> None:
    mention = x.mention(x.add_account("someone"), "how is the fog?")
    world = await worlds.open()
    number = await approved(world, reply_to=str(mention.id), person="x:7", prompt="how is the fog?")
    await world.publisher.step()
    [post] = x.posted
    assert post.refers("replied_to")
    assert (await get(world, number)).published == str(post.id)
    assert await books_are_right(world, x)


@pytest.mark.parametrize(
    "trouble",
    [
        lambda x: x.faults.cut("POST", CREATE, after_effect=True),
        lambda x: x.faults.fail("POST", CREATE, status=503, after_effect=True),
        lambda x: x.faults.fail("POST", CREATE, status=500, body="", after_effect=True),
        lambda x: x.faults.delay("POST", CREATE, 0.6, after_effect=True),
    ],
    ids=["cut", "503 in HTML", "empty 500", "late answer"],
)
async def test_an_answer_that_is_lost_makes_no_second_post(worlds: Worlds, x: XServer, trouble: Any) -> None:
    world = await worlds.open(x={"timeout_seconds": 0.3})
    trouble(x)
    number = await approved(world)
    draft = await step_until(world, number, "posted")
    [post] = x.posted
    assert draft.published == str(post.id)
    assert len(list(x.calls("POST /2/tweets"))) == 1
    assert await books_are_right(world, x)


@pytest.mark.parametrize(
    "trouble",
    [lambda x: x.faults.cut("POST", CREATE), lambda x: x.faults.fail("POST", CREATE, status=503)],
    ids=["cut", "503"],
)
async def test_what_never_arrived_is_sent_again_after_two_looks(worlds: Worlds, x: XServer, trouble: Any) -> None:
    world = await worlds.open()
    trouble(x)
    number = await approved(world)
    draft = await step_until(world, number, "posted")
    assert len(x.posted) == 1
    assert draft.attempts == 2
    # Twice while it was unknown, and once more right before it was sent again.
    assert [call.method for call in x.requests] == ["POST", "GET", "GET", "GET", "POST"]
    assert await books_are_right(world, x)


async def test_an_effect_that_comes_late_is_waited_for(worlds: Worlds, x: XServer) -> None:
    world = await worlds.open(x={"timeout_seconds": 0.2}, autopost={"settle_seconds": 0.3})
    x.faults.delay("POST", CREATE, 0.65)  # nothing stands there at the first look
    number = await approved(world)
    draft = await step_until(world, number, "posted")
    assert [draft.published] == [str(post.id) for post in x.posted]
    assert len(list(x.calls("POST /2/tweets"))) == 1
    assert await books_are_right(world, x)


async def test_an_effect_that_comes_later_than_that_is_no_second_post(worlds: Worlds, x: XServer) -> None:
    """X refuses the second of two equal posts, whichever comes later; then the first is found."""
    world = await worlds.open(x={"timeout_seconds": 0.2}, autopost={"settle_seconds": 0.02})
    x.faults.delay("POST", CREATE, 0.5)
    number = await approved(world)
    draft = await step_until(world, number, "posted")
    await asyncio.sleep(0.5)
    assert [draft.published] == [str(post.id) for post in x.posted]
    assert await books_are_right(world, x)


async def test_what_stands_there_from_before_is_given_up(worlds: Worlds, x: XServer) -> None:
    x.post(x.bot, "The fog has opinions." + LABEL, at=x.clock.now() - 86_400)
    world = await worlds.open()
    draft = await step_until(world, await approved(world), "failed", "posted")
    assert draft.state == "failed"
    assert "duplicate" in draft.error.lower() or "already" in draft.error.lower()
    assert len(x.posted) == 1


async def test_what_x_turns_down_is_not_tried_again(worlds: Worlds, x: XServer) -> None:
    world = await worlds.open()
    number = await approved(world, "fog " * 100)
    draft = await step_until(world, number, "failed")
    assert draft.error
    assert not x.posted
    assert await books_are_right(world, x)


async def test_a_limit_is_waited_for(worlds: Worlds, x: XServer) -> None:
    world = await worlds.open()
    x.faults.rate_limit("POST", CREATE, reset=x.clock.now() + 600)
    number = await approved(world)
    await world.publisher.step()
    draft = await get(world, number)
    assert draft.state == "approved"
    assert timedelta(minutes=8) < draft.not_before - datetime.now(UTC) < timedelta(minutes=12)
    assert not await world.publisher.step()


async def test_after_so_many_attempts_it_is_given_up(worlds: Worlds, x: XServer) -> None:
    world = await worlds.open(autopost={"attempts": 3})
    x.faults.cut("POST", CREATE, times=10)
    draft = await step_until(world, await approved(world), "failed")
    assert draft.attempts == 3
    assert draft.error
    assert len(list(x.calls("POST /2/tweets"))) == 3
    assert await books_are_right(world, x)


async def test_being_killed_is_no_attempt(worlds: Worlds, x: XServer) -> None:
    world = await worlds.open(autopost={"attempts": 2})
    number = await approved(world)
    for _ in range(6):
        assert await world.store.drafts.claim("x", -1.0) is not None  # and its process is gone
        assert await world.store.drafts.abandoned("x") == 1
        async with asyncio.timeout(5):
            while (draft := await get(world, number)).state == "unknown":
                await world.publisher.look(draft)
                await asyncio.sleep(0.01)
        assert draft.state == "approved"
    draft = await step_until(world, number, "posted", "failed")
    assert (draft.state, draft.attempts) == ("posted", 1)
    assert len(x.posted) == 1


async def test_a_dry_run_ends_drafts_for_good(worlds: Worlds, x: XServer) -> None:
    world = await worlds.open(dry_run=True)
    number = await approved(world)
    await world.publisher.step()
    draft = await get(world, number)
    assert (draft.state, draft.error) == ("rejected", "dry run")
    again = await worlds.open()
    assert not await again.publisher.step()
    assert not x.requests


async def test_without_budget_it_rests_and_nothing_was_sent(worlds: Worlds, x: XServer) -> None:
    poor = await worlds.open(spending={"day_dollars": 0.001})
    number = await approved(poor)
    await poor.publisher.step()
    draft = await get(poor, number)
    assert (draft.state, draft.attempts, draft.sent_at) == ("approved", 0, None)
    assert timedelta(minutes=55) < draft.not_before - datetime.now(UTC) < timedelta(minutes=65)
    assert "budget" in draft.error
    await change(poor.store, number, not_before=datetime.now(UTC))
    rich = await worlds.open()
    await rich.publisher.step()
    assert [call.method for call in x.requests] == ["POST"]  # so there was nothing to look for


async def test_an_unknown_one_waits_for_the_budget_to_look(worlds: Worlds, x: XServer) -> None:
    poor = await worlds.open(spending={"day_dollars": 0.016})
    x.faults.cut("POST", CREATE, after_effect=True)
    number = await approved(poor)
    for _ in range(5):
        await poor.publisher.step()
        await asyncio.sleep(0.02)
    assert (await get(poor, number)).state == "unknown"
    rich = await worlds.open()
    await step_until(rich, number, "posted")
    assert len(x.posted) == 1
    assert await books_are_right(rich, x)


async def test_who_opts_out_is_not_posted(worlds: Worlds, x: XServer) -> None:
    world = await worlds.open()
    number = await approved(world)
    await world.store.consent.opt_out(VOICE, None)
    await world.publisher.step()
    draft = await get(world, number)
    assert draft.state == "rejected"
    assert "opted out" in draft.error
    assert not x.requests


async def test_nothing_is_sent_until_the_rules_are_confirmed(worlds: Worlds, x: XServer) -> None:
    world = await worlds.open()
    number = await approved(world)
    await world.store.standing.revoke("x rules")
    assert not await world.publisher.step()
    assert (await get(world, number)).state == "approved"
    with pytest.raises(RefusedError, match="confirm"):
        await world.autoposting.once(await get(world, number))
    await world.store.standing.confirm("x rules", "a test")
    assert await world.publisher.step()
    assert not [call for call in x.requests if call.method != "POST"]


async def test_what_missed_its_time_does_not_go_out(worlds: Worlds, x: XServer) -> None:
    world = await worlds.open()
    long_ago = datetime.now(UTC) - timedelta(hours=7)
    scheduled = await approved(world, "one")
    await change(world.store, scheduled, since=long_ago)
    asked = await approved(world, "two two", approve=True)  # somebody took seven hours to say yes
    await change(world.store, asked, since=long_ago, approved_at=datetime.now(UTC))
    answer = await approved(world, "three", reply_to="12", person="x:7")
    await change(world.store, answer, since=datetime.now(UTC) - timedelta(minutes=61))
    while await world.publisher.step():
        pass
    assert (await get(world, scheduled)).state == "failed"
    assert "missed its time" in (await get(world, scheduled)).error
    assert (await get(world, asked)).state == "posted"
    assert (await get(world, answer)).state == "rejected"
    assert [post.text for post in x.posted] == ["two two" + LABEL]


async def test_what_was_erased_while_it_was_looked_for_does_not_go_out(
    worlds: Worlds, x: XServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await worlds.open()
    x.faults.rate_limit("POST", CREATE, reset=x.clock.now() - 60)
    number = await approved(world)
    await world.publisher.step()
    await change(world.store, number, not_before=datetime.now(UTC))
    find = world.platform.find

    async def slow_find(text: str, **about: Any) -> str | None:
        await world.store.forget(VOICE)
        return await find(text, **about)

    monkeypatch.setattr(world.platform, "find", slow_find)
    x.clock.travel(60)
    await world.publisher.step()
    assert await world.store.drafts.get(number) is None
    assert not x.posted


async def test_silence_is_kept_by_what_was_under_way_when_it_was_asked_for(worlds: Worlds, x: XServer) -> None:
    mention = x.mention(x.add_account("someone"), "how is the fog?")
    world = await worlds.open()
    number = await approved(world, reply_to=str(mention.id), person="x:7")
    x.faults.fail("POST", CREATE, status=503)
    await world.publisher.step()
    assert (await get(world, number)).state == "unknown"
    await world.store.standing.silence("x:7")
    draft = await step_until(world, number, "rejected", "posted")
    assert (draft.state, draft.error) == ("rejected", "They asked for silence.")
    assert not x.posted


async def test_answers_end_where_they_are_switched_off(worlds: Worlds, x: XServer) -> None:
    mention = x.mention(x.add_account("someone"), "how is the fog?")
    world = await worlds.open(x={"answer_mentions": False})
    number = await approved(world, reply_to=str(mention.id), person="x:7")
    await world.publisher.step()
    assert (await get(world, number)).state == "rejected"
    assert not x.posted


async def test_a_fault_at_one_draft_stops_no_other(
    worlds: Worlds, x: XServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await worlds.open()
    broken, well = await approved(world, "broken"), await approved(world, "well")
    publish = world.platform.publish

    async def faulty(text: str, **about: Any) -> str:
        if text.startswith("broken"):
            raise KeyError("a fault of the program")
        return await publish(text, **about)

    monkeypatch.setattr(world.platform, "publish", faulty)
    while await world.publisher.step():
        pass
    assert (await get(world, well)).state == "posted"
    assert (await get(world, broken)).state == "posting"  # until its lease ends
    monkeypatch.undo()
    await change(world.store, broken, lease_until=0.0)
    await step_until(world, broken, "posted")


async def test_a_hanging_platform_is_given_up_in_time(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    world = await worlds.open(x={"timeout_seconds": 0.05})
    number = await approved(world)

    async def hang(*_: Any, **__: Any) -> str:
        await asyncio.sleep(60)
        return ""

    monkeypatch.setattr(world.platform, "publish", hang)
    await world.publisher.step()
    draft = await get(world, number)
    assert (draft.state, draft.error) == ("unknown", "X took too long to answer.")


async def test_posts_go_out_in_the_order_in_which_they_were_approved(worlds: Worlds, x: XServer) -> None:
    world = await worlds.open()
    numbers = [await approved(world, f"{word} again") for word in ("fog", "lamp", "gull")]
    await change(world.store, numbers[0], not_before=datetime.now(UTC))
    while await world.publisher.step():
        pass
    assert [post.text.split()[0] for post in x.posted] == ["lamp", "gull", "fog"]


async def test_once_brings_out_a_single_post(worlds: Worlds, x: XServer) -> None:
    world = await worlds.open()
    x.faults.cut("POST", CREATE)
    number = await world.store.drafts.enter(NewDraft("a", "x", VOICE, prompt="The fog"))
    other = await approved(world, "another one")
    assert number is not None
    draft = await world.autoposting.once(await get(world, number))
    assert (draft.id, draft.state) == (number, "posted")
    assert draft.text.startswith("The fog ")
    assert [post.text for post in x.posted] == [draft.text + LABEL]
    assert (await get(world, other)).state == "approved"  # is the bot's to send


async def test_once_ends_where_somebody_has_to_approve_or_it_has_to_rest(worlds: Worlds, x: XServer) -> None:
    world = await worlds.open()
    waits = await world.store.drafts.enter(NewDraft("a", "x", VOICE, approve=True))
    assert waits is not None
    assert (await world.autoposting.once(await get(world, waits))).state == "draft"
    x.faults.rate_limit("POST", CREATE, reset=x.clock.now() + 900)
    rests = await approved(world)
    assert (await world.autoposting.once(await get(world, rests))).state == "approved"


async def test_serving_sees_at_once_what_was_entered(worlds: Worlds, x: XServer) -> None:
    world = await worlds.open()
    serving = asyncio.create_task(world.autoposting.serve())
    try:
        await asyncio.sleep(0.1)
        number = await world.store.drafts.enter(NewDraft("a", "x", VOICE))
        assert number is not None
        world.autoposting.wake()
        await until_ended(world.store)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    assert len(x.posted) == 1


async def test_two_publishers_share_the_work(worlds: Worlds, x: XServer, tmp_path: Path) -> None:
    one, two = await worlds.open(), await worlds.open()
    words = ["fog", "lamp", "gull", "boat", "tide", "stair", "sock", "soup", "rope", "bell"]
    for word in words:
        await approved(one, f"{word} and nothing else")

    async def work(world: World) -> int:
        sent = 0
        while await world.publisher.step():
            sent += 1
        return sent

    shares = await asyncio.gather(work(one), work(two))
    assert sum(shares) == len(words)
    assert sorted(post.text.split()[0] for post in x.posted) == sorted(words)
    async with open_store(one.settings.database) as store:
        assert len(await store.drafts.in_state("posted")) == len(words)
    assert await books_are_right(one, x)
