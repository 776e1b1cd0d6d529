"""The rules of a platform: what is asked, and that nothing goes out before somebody said yes to it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.autopost.checklist import CHECKLISTS, confirmed, refuse_unconfirmed, subject
from data.errors import RefusedError
from data.posts import PLATFORMS
from data.store import Store, open_store


@pytest.fixture(name="store")
async def _store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite+aiosqlite:///{tmp_path / 'mynah.db'}") as store:
        yield store


def test_every_platform_has_its_rules_each_with_a_way_to_keep_it() -> None:
    assert set(CHECKLISTS) == set(PLATFORMS)
    for rules in CHECKLISTS.values():
        assert len({rule.name for rule in rules}) == len(rules)
        assert all(rule.holds.endswith(".") and rule.how.endswith(".") for rule in rules)
    names = {platform: {rule.name for rule in rules} for platform, rules in CHECKLISTS.items()}
    everywhere = {"parody name", "other avatar", "AI label", "no unsolicited mentions"}
    assert names["bluesky"] == everywhere
    assert names["x"] == everywhere | {"Automated label", "linked human account", "approved answers"}


async def test_nothing_is_posted_before_they_are_confirmed_or_after_that_was_taken_back(store: Store) -> None:
    with pytest.raises(RefusedError, match=r"on X before .* run `mynah autopost confirm x`"):
        await refuse_unconfirmed(store, "x")
    await store.standing.confirm(subject("x"), "ada")
    await refuse_unconfirmed(store, "x")
    found = await confirmed(store, "x")
    assert found is not None
    assert found[0] == "ada"
    with pytest.raises(RefusedError, match=r"on Bluesky before .* run `mynah autopost confirm bluesky`"):
        await refuse_unconfirmed(store, "bluesky")
    await store.standing.revoke(subject("x"))
    with pytest.raises(RefusedError):
        await refuse_unconfirmed(store, "x")
