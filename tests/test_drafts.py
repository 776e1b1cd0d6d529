"""Drafts move only along the ways there are, whoever moves them, and nobody takes what is another's."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.store import DraftState, NewDraft, SaidBeforeError, Store, open_store
from data.store.draft import MOVES

STATES: tuple[DraftState, ...] = get_args(DraftState)


def url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder / 'mynah.db'}"


@pytest.fixture(name="store")
async def _store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(url(tmp_path)) as store:
        yield store


async def enter(store: Store, key: str = "a", **about: Any) -> int:
    number = await store.drafts.enter(NewDraft(**{"key": key, "platform": "x", "voice": "keeper"} | about))
    assert number is not None
    return number


async def approve(store: Store, number: int, **values: Any) -> None:
    assert await store.drafts.move(number, "due", "approved", text=f"text {number}", **values)


async def test_a_key_is_entered_once(store: Store) -> None:
    number = await enter(store, prompt="The fog")
    assert await store.drafts.enter(NewDraft("a", "bluesky", "somebody")) is None
    draft = await store.drafts.get(number)
    assert draft is not None
    assert (draft.platform, draft.voice, draft.prompt, draft.state) == ("x", "keeper", "The fog", "due")


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(STATES)
    for state in ("posted", "rejected"):
        assert MOVES[state] <= {state}
    # Whatever may be out there is not sent again without having been looked for, nor thrown away.
    assert "posting" not in MOVES["unknown"] | MOVES["posting"]
    assert not {"due", "draft", "rejected"} & MOVES["unknown"]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
async def test_any_sequence_of_moves_keeps_to_the_diagram(store: Store, data: st.DataObject) -> None:
    """Against a model: a claim or an abandonment besides, by anybody, in any order."""
    await store.forget("keeper")  # what the last example left
    number = await enter(store)
    state: DraftState = "due"
    sent = attempts = 0
    for _ in range(data.draw(st.integers(1, 12))):
        match data.draw(st.sampled_from(["move", "wrong", "claim", "abandon"])):
            case "move" if MOVES[state]:
                to = data.draw(st.sampled_from(sorted(MOVES[state])))
                moved = await store.drafts.move(number, state, to)
                assert moved is not None
                state = to
            case "wrong":
                came_from, to = data.draw(st.sampled_from(STATES)), data.draw(st.sampled_from(STATES))
                if to not in MOVES[came_from]:
                    with pytest.raises(ValueError, match="never moves"):
                        await store.drafts.move(number, came_from, to)
                elif came_from != state:
                    assert await store.drafts.move(number, came_from, to) is None
            case "claim":
                claimed = await store.drafts.claim("x", -1.0)
                assert (claimed is not None) == (state == "approved")
                if claimed is not None:
                    assert claimed.sent_before == (sent > 0)
                    state, sent, attempts = "posting", sent + 1, attempts + 1
            case "abandon":
                # A row that was moved by hand has no lease, so nobody can be at it.
                abandoned = await store.drafts.abandoned("x")
                assert abandoned == (state == "posting")
                if abandoned:
                    state, attempts = "unknown", attempts - 1
        draft = await store.drafts.get(number)
        assert draft is not None
        assert (draft.state, draft.attempts) == (state, attempts)
        assert (draft.sent_at is not None) == (sent > 0)


async def test_the_one_that_waits_longest_is_claimed(store: Store) -> None:
    now = datetime.now(UTC)
    late, early, resting, elsewhere = [await enter(store, key) for key in "abc"] + [
        await enter(store, "d", platform="bluesky")
    ]
    await approve(store, late, not_before=now - timedelta(minutes=1))
    await approve(store, early, not_before=now - timedelta(minutes=2))
    await approve(store, resting, not_before=now + timedelta(minutes=1))
    await approve(store, elsewhere)
    claimed = [await store.drafts.claim("x", 60) for _ in range(3)]
    assert [draft.id if draft else None for draft in claimed] == [early, late, None]
    assert await store.drafts.claim("x", 60, number=elsewhere) is None
    assert await store.drafts.claim("bluesky", 60, number=elsewhere) is not None


async def test_a_lease_keeps_others_away_until_it_ends(store: Store) -> None:
    number = await enter(store)
    await approve(store, number)
    claimed = await store.drafts.claim("x", 0.2)
    assert claimed is not None
    assert not claimed.sent_before
    assert await store.drafts.abandoned("x") == 0
    await asyncio.sleep(0.25)
    assert await store.drafts.abandoned("bluesky") == 0
    assert await store.drafts.abandoned("x") == 1
    draft = await store.drafts.get(number)
    assert draft is not None
    assert (draft.state, draft.attempts) == ("unknown", 0)
    await store.drafts.move(number, "unknown", "approved")
    again = await store.drafts.claim("x", 60)
    assert again is not None
    assert again.sent_before
    assert again.sent_at == claimed.sent_at


async def test_many_claim_each_once(store: Store, tmp_path: Path) -> None:
    for number in range(30):
        await approve(store, await enter(store, str(number)))
    async with open_store(url(tmp_path)) as other:
        claims = await asyncio.gather(*((store, other)[turn % 2].drafts.claim("x", 60) for turn in range(50)))
    taken = [draft.id for draft in claims if draft is not None]
    assert len(taken) == len(set(taken)) == 30


async def test_a_text_is_written_unless_it_was_said(store: Store) -> None:
    one, two = await enter(store, "a"), await enter(store, "b")
    asked: list[list[str]] = []

    def repeats(said: Any) -> bool:
        asked.append(list(said))
        return "the fog" in said

    for number in (one, two):
        draft = await store.drafts.get(number)
        assert draft is not None
        if number == one:
            written = await store.drafts.write(draft, "draft", "the fog", voice_key="k", repeats=repeats)
            assert written is not None
            assert (written.text, written.voice_key, written.state) == ("the fog", "k", "draft")
            # Its own earlier text is none that it repeats.
            assert await store.drafts.write(written, "draft", "the fog", repeats=repeats)
            assert await store.drafts.write(draft, "draft", "too late", repeats=repeats) is None  # due no more
        else:
            with pytest.raises(SaidBeforeError):
                await store.drafts.write(draft, "draft", "the fog", repeats=repeats)
    assert asked == [[], [], [], ["the fog"]]


async def test_what_counts_as_said(store: Store) -> None:
    for state in STATES:
        number = await enter(store, state)
        await approve(store, number)
        async with store._database.writer.begin() as connection:
            await connection.exec_driver_sql(
                f"UPDATE drafts SET state = '{state}', text = '{state}' WHERE id = {number}"
            )
    await enter(store, "no text")
    assert set(await store.drafts.said("x")) == {"due", "draft", "approved", "posting", "unknown", "posted"} - {
        "due"
    }
    assert await store.drafts.said("bluesky") == []


async def test_answers_are_counted_and_silenced(store: Store) -> None:
    about = {"reply_to": "1", "person": "x:7", "thread": "t"}
    numbers = [await enter(store, key, **about) for key in "abc"]
    await enter(store, "d", reply_to="2", person="x:7", thread="u")
    await enter(store, "e", reply_to="3", person="x:8", thread="t")
    await store.drafts.move(numbers[0], "due", "failed")
    await approve(store, numbers[1])
    assert await store.drafts.claim("x", 60, number=numbers[1])
    assert await store.drafts.answers("x:7") == 3
    assert await store.drafts.answers("x:7", thread="t") == 2
    assert await store.drafts.answers("x:7", since=datetime.now(UTC) + timedelta(seconds=1)) == 0
    assert await store.drafts.silence("x:7") == 2  # what is on its way can't be held
    assert {draft.state for draft in await store.drafts.in_state(*STATES) if draft.person == "x:7"} == {
        "failed",
        "posting",
        "rejected",
    }


async def test_summons_and_cursor_are_entered_together(store: Store) -> None:
    news = [NewDraft(f"x mention {number}", "x", "keeper", reply_to=str(number)) for number in (1, 2)]
    assert await store.drafts.enter_summons(news, "x mentions", "2") == 2
    assert (
        await store.drafts.enter_summons([*news, NewDraft("x mention 3", "x", "keeper")], "x mentions", "3") == 1
    )
    assert await store.standing.cursor("x mentions") == "3"
