"""A forgotten person's repositories go from the hub too, now or as soon as it can be reached."""

from pathlib import Path

import pytest

from bot.doctor import examine_hub
from bot.erasing import LeftOnHubError, erase
from bot.hub.pushed import Pushed, all_pushed, remember
from tests.hub_server import Account
from tests.hubs import Place, make_voice


async def pushed(place: Place, *handles: str, repo: str) -> None:
    """A repository of ours, as a push leaves it."""
    voice = await make_voice(place.store, place.settings, *handles)
    place.server.repository(repo, {"README.md": b"---\n---\n"}, private=True)
    await remember(
        place.store, Pushed(repo, place.server.endpoint, voice.record.handles, voice.record.key, False, "a test")
    )


async def hub_finding(place: Place) -> tuple[str, str]:
    finding = await examine_hub(place.settings)
    return finding.state, finding.found


async def test_forgetting_deletes_every_repository_with_the_handle_and_says_so(place: Place) -> None:
    await pushed(place, "keeper", repo="ode/keeper")
    await pushed(place, "gull", "keeper", repo="lighthouse/two")
    await pushed(place, "gull", repo="ode/gull")
    forgotten = await erase(place.store, place.settings, "keeper")
    assert forgotten.counts["repositories"] == 2
    assert forgotten.counts["posts"] == 20
    assert place.server.world.repositories.keys() == {"ode/gull"}
    assert [kept.repo for kept in await all_pushed(place.store)] == ["ode/gull"]


async def test_who_never_was_on_the_hub_is_forgotten_without_asking_it(place: Place) -> None:
    await make_voice(place.store, place.settings, "keeper")
    assert (await erase(place.store, place.settings, "keeper")).counts["repositories"] == 0
    assert not place.server.calls


async def test_a_hub_that_is_away_is_told_of_and_tried_again_by_the_next_forgetting(place: Place) -> None:
    await pushed(place, "keeper", repo="ode/keeper")
    place.server.fail(".*", "/api/repos/delete", status=503)
    with pytest.raises(
        LeftOnHubError, match=r"erased, but ode/keeper is still on the model hub.*in trouble"
    ) as left:
        await erase(place.store, place.settings, "keeper")
    assert left.value.forgotten.counts["posts"] == 20
    assert await place.store.voices.all() == []
    [kept] = await all_pushed(place.store)
    assert kept.doomed
    await erase(place.store, place.settings, "somebody_else")
    assert not place.server.world.repositories
    assert await all_pushed(place.store) == []


@pytest.mark.parametrize("trouble", ["dry_run", "offline"])
async def test_dry_run_and_offline_leave_a_note_that_the_doctor_works_off(place: Place, trouble: str) -> None:
    await pushed(place, "keeper", repo="ode/keeper")
    with pytest.raises(LeftOnHubError, match=trouble.upper()):
        await erase(place.store, place.with_settings(**{trouble: True}).settings, "keeper")
    assert not place.server.calls
    assert (await hub_finding(place.with_settings(**{trouble: True})))[0] == "fail"
    assert await hub_finding(place) == ("ok", "deleted there now: ode/keeper")
    assert await hub_finding(place) == ("ok", "nothing waits to be deleted there")


async def test_a_token_of_another_account_is_not_taken_for_a_deletion(place: Place) -> None:
    """To a stranger's token the hub says that a private repository isn't there."""
    await pushed(place, "keeper", repo="ode/keeper")
    place.server.world.accounts[place.server.token] = Account("somebody")
    with pytest.raises(LeftOnHubError, match="is somebody's, who has no say over ode/keeper"):
        await erase(place.store, place.settings, "keeper")
    assert place.server.world.repositories.keys() == {"ode/keeper"}


async def test_a_repository_that_was_deleted_by_hand_is_no_trouble(place: Place) -> None:
    await pushed(place, "keeper", repo="ode/keeper")
    del place.server.world.repositories["ode/keeper"]
    assert (await erase(place.store, place.settings, "keeper")).counts["repositories"] == 1
    assert await all_pushed(place.store) == []


async def test_the_folders_are_gone_even_where_the_hub_is_away(place: Place, tmp_path: Path) -> None:
    await pushed(place, "keeper", repo="ode/keeper")
    place.server.fail(".*", "/api/.*", cut=True)
    with pytest.raises(LeftOnHubError, match="can't be reached"):
        await erase(place.store, place.settings, "keeper")
    assert not any((tmp_path / "home" / "voices").iterdir())
