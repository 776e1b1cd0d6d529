"""Schedules and drafts as people handle them: what they may plan, approve and write, and what they are told."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.autopost.desk import Desk
from bot.autopost.plans import Plans
from bot.autopost.timing import Timing
from bot.catalogue import Catalogue
from data.errors import InputError, MynahError, NotFoundError, RefusedError
from data.settings import Settings
from data.store import Draft, DraftState, NewDraft, Right, Store, open_store
from tests.autopost_process import VOICE, prepare, settings_for
from tests.social_doubles import ScriptedPlatform
from tests.x_server import XServer

OWN_POST = "The gull had opinions about the soup again, four stars."
EVERY = Timing.from_words(every="6h", jitter="20m", timezone="UTC")
EDITOR = "discord:5"


@pytest.fixture(name="settings")
async def _settings(tmp_path: Path) -> Settings:
    return settings_for(XServer(), tmp_path, x={"api_base": "http://127.0.0.1:9"}, gates={"block_list": ("darn",)})


@pytest.fixture(name="store")
async def _store(settings: Settings) -> AsyncIterator[Store]:
    async with open_store(settings.database) as store:
        await prepare(store, settings, posts=(OWN_POST,))
        yield store


@pytest.fixture(name="plans")
def _plans(store: Store, settings: Settings) -> Plans:
    return Plans(store, settings, Catalogue(store, settings))


@pytest.fixture(name="desk")
def _desk(store: Store, settings: Settings) -> Desk:
    return Desk(store, settings, Catalogue(store, settings), {"x": ScriptedPlatform()})


async def draft_in(store: Store, state: DraftState, text: str = "The fog is late.", key: str = "a") -> Draft:
    """A draft that came into this state the way drafts do."""
    number = await store.drafts.enter(NewDraft(key, "x", VOICE, approve=True))
    assert number is not None
    draft = await store.drafts.get(number)
    assert draft is not None
    if state == "due":
        return draft
    written = await store.drafts.write(draft, "draft", text, voice_key="key-keeper", repeats=lambda said: False)
    assert written is not None
    ways: dict[DraftState, list[DraftState]] = {"posted": ["approved", "posting", "posted"], "draft": []}
    for step in ways.get(state, [state]):
        moved = await store.drafts.move(number, written.state, step)
        assert moved is not None
        written = moved
    return written


# Plans


async def test_a_schedule_begins_with_its_next_time(plans: Plans, store: Store) -> None:
    made = await plans.add(
        "@Keeper", "x", EVERY, prompt=" The  fog ", approve=True, channel="discord:1", person="p"
    )
    assert (made.voice, made.platform, made.prompt, made.paused) == (VOICE, "x", "The fog", False)
    assert (made.approve, made.channel, made.person) == (True, "discord:1", "p")
    assert Timing.from_json(made.timing) == EVERY
    assert made.nominal_at is not None
    assert made.next_at is not None
    assert timedelta(hours=5, minutes=59) < made.nominal_at - datetime.now(UTC) <= timedelta(hours=6)
    assert made.nominal_at <= made.next_at <= made.nominal_at + timedelta(minutes=20)
    assert await store.schedules.all() == [made]


async def test_a_schedule_is_paused_resumed_and_removed(plans: Plans, store: Store) -> None:
    made = await plans.add(VOICE, "x", EVERY)
    assert await plans.resume(made.id) == made  # it was not paused, so its time stays
    await plans.pause(made.id)
    [paused] = await store.schedules.all()
    assert paused.paused
    resumed = await plans.resume(made.id)
    assert not resumed.paused
    assert resumed.nominal_at is not None
    assert resumed.nominal_at > datetime.now(UTC)
    number = await store.drafts.enter(NewDraft("a", "x", VOICE, schedule_id=made.id))
    assert number is not None
    await plans.remove(made.id)
    assert await store.schedules.all() == []
    draft = await store.drafts.get(number)
    assert draft is not None
    assert draft.state == "rejected"


async def test_what_is_not_there_is_said_so(plans: Plans, desk: Desk) -> None:
    for work in (plans.pause(7), plans.resume(7), plans.remove(7)):
        with pytest.raises(NotFoundError, match="no schedule 7"):
            await work
    for work in (desk.approve(7, EDITOR), desk.reject(7, EDITOR), desk.another(7), desk.edit(7, "text")):
        with pytest.raises(NotFoundError, match="no draft 7"):
            await work


async def test_post_now_is_due_at_once(plans: Plans) -> None:
    one = await plans.post_now(VOICE, "x", "The fog", approve=True, person="p")
    two = await plans.post_now(VOICE, "x")
    assert (one.state, one.prompt, one.approve, one.schedule_id, one.person) == ("due", "The fog", True, None, "p")
    assert one.key != two.key


@pytest.mark.parametrize(
    ("asked", "error", "sentence"),
    [
        ({"voice": "nobody"}, NotFoundError, "no voice of @nobody"),
        ({"platform": "myspace"}, InputError, "choose x or bluesky"),
        ({"platform": "bluesky"}, InputError, "Bluesky is not set up"),
        ({"prompt": "look at example.com"}, InputError, "no link, mention or cashtag"),
        ({"prompt": "hi @someone"}, InputError, "no link, mention or cashtag"),
        ({"prompt": "fog " * 50}, InputError, "199 characters; shorten it to 140"),
    ],
)
async def test_what_can_not_go_out_is_not_planned(
    plans: Plans, asked: dict[str, Any], error: type[MynahError], sentence: str
) -> None:
    given = {"voice": VOICE, "platform": "x", "prompt": ""} | asked
    with pytest.raises(error, match=sentence):
        await plans.add(given["voice"], given["platform"], EVERY, prompt=given["prompt"])
    with pytest.raises(error, match=sentence):
        await plans.post_now(**given)


async def test_a_voice_that_is_not_for_everyone_is_not_posted(plans: Plans, store: Store) -> None:
    await store.consent.claim(Right(VOICE, "discord:1", "discord:place", "place"))
    with pytest.raises(RefusedError, match="does not share"):
        await plans.add(VOICE, "x", EVERY)
    await store.consent.claim(Right(VOICE, "discord:1", "discord:place", "everyone"))
    made = await plans.add(VOICE, "x", EVERY)
    await plans.pause(made.id)
    await store.consent.opt_out(VOICE, None)
    for work in (plans.post_now(VOICE, "x"), plans.resume(made.id)):
        with pytest.raises(RefusedError, match="opted out"):
            await work


async def test_nothing_is_planned_until_the_rules_are_confirmed(plans: Plans, store: Store) -> None:
    await store.standing.revoke("x rules")
    with pytest.raises(RefusedError, match="autopost confirm x"):
        await plans.post_now(VOICE, "x")


# Desk


async def test_approved_it_may_go_out(desk: Desk, store: Store) -> None:
    draft = await draft_in(store, "draft")
    moved = await desk.approve(draft.id, EDITOR)
    assert (moved.state, moved.text, moved.decided_by) == ("approved", draft.text, EDITOR)
    with pytest.raises(RefusedError, match="is approved by now"):
        await desk.approve(draft.id, EDITOR)


async def test_only_what_was_read_is_approved(desk: Desk, store: Store) -> None:
    draft = await draft_in(store, "draft")
    await desk.edit(draft.id, "The fog is late again.")
    with pytest.raises(RefusedError, match="reads differently by now"):
        await desk.approve(draft.id, EDITOR, seen=draft.text)
    assert (await desk.approve(draft.id, EDITOR, seen="The fog is late again.")).state == "approved"


@pytest.mark.parametrize("state", ["due", "draft", "approved"])
async def test_rejected_it_never_goes_out(desk: Desk, store: Store, state: DraftState) -> None:
    draft = await draft_in(store, state)
    assert (await desk.reject(draft.id, EDITOR)).state == "rejected"
    for work in (desk.approve(draft.id, EDITOR), desk.another(draft.id), desk.edit(draft.id, "Other words.")):
        with pytest.raises(RefusedError, match="is rejected by now"):
            await work


async def test_what_is_sent_can_not_be_called_back(desk: Desk, store: Store) -> None:
    draft = await draft_in(store, "posted")
    with pytest.raises(RefusedError, match="is posted by now"):
        await desk.reject(draft.id, EDITOR)


async def test_a_voice_that_opted_out_is_not_approved(desk: Desk, store: Store) -> None:
    draft = await draft_in(store, "draft")
    await store.consent.opt_out(VOICE, None)
    for work in (desk.approve(draft.id, EDITOR), desk.edit(draft.id, "Other words.")):
        with pytest.raises(RefusedError, match="opted out"):
            await work


async def test_another_is_written_anew(desk: Desk, store: Store) -> None:
    draft = await draft_in(store, "draft")
    moved = await desk.another(draft.id)
    assert (moved.state, moved.text, moved.attempts) == ("due", "", 0)
    assert await store.drafts.said("x") == []


async def test_edited_words_wait_for_approval(desk: Desk, store: Store) -> None:
    draft = await draft_in(store, "draft")
    moved = await desk.edit(
        draft.id, "  The fog is late again.  "
    )  # near its own earlier text, which is no matter
    assert (moved.state, moved.text, moved.voice_key) == ("draft", "The fog is late again.", "")
    assert (await desk.approve(draft.id, EDITOR)).text == "The fog is late again."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it has no words"),
        ("Hello @someone, the fog is late.", "it mentions an account"),
        ("The fog is at example.com", "it holds a link"),
        ("The fog buys $TSLA", "it holds a cashtag"),
        ("The darn fog", "blocked"),
        (OWN_POST, "one of the person's own posts"),
        ("The bell rings as it always rang.", "posted before"),
        ("fog " * 90, "takes 280; shorten it"),
    ],
)
async def test_edited_words_pass_the_gates(desk: Desk, store: Store, text: str, sentence: str) -> None:
    await draft_in(store, "posted", "The bell rings as it always rang.", "b")
    draft = await draft_in(store, "draft")
    with pytest.raises(RefusedError, match=sentence):
        await desk.edit(draft.id, text)
    assert await store.drafts.get(draft.id) == draft


async def test_edited_words_may_just_fit(desk: Desk, store: Store) -> None:
    draft = await draft_in(store, "draft")
    room = 280 - len("\n\n🤖 AI parody")
    fits = " ".join(f"{one}{two}" for one in ("fog", "gull") for two in "abcdefghijklmnopqrstuvwxyz")[:room]
    assert (await desk.edit(draft.id, fits.ljust(room, "x"))).text == fits.ljust(room, "x")
    with pytest.raises(RefusedError, match="281 characters long"):
        await desk.edit(draft.id, fits.ljust(room + 1, "x"))


async def test_editing_takes_a_platform_that_can_measure(store: Store, settings: Settings) -> None:
    draft = await draft_in(store, "draft")
    with pytest.raises(InputError, match="not connected"):
        await Desk(store, settings, Catalogue(store, settings)).edit(draft.id, "Other words.")
