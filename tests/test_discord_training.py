"""`/voice train`, its twin `/train`, and `/voice refresh | status | cancel`: who may, and what they are told."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.fronts.discord.backend import Backend
from bot.fronts.discord.client import FrontClient
from data.settings import DiscordSettings, Settings
from data.store import RunWish
from tests.discord_aviary import aviary
from tests.discord_cards import HALF, KEEPER, begin, bring
from tests.discord_fronts import add_voice, open_backend, running_front
from tests.discord_server import DiscordServer
from tests.posts import bring as bring_posts


@pytest.fixture(name="backend")
async def _backend(tmp_path: Path) -> AsyncIterator[Backend]:
    async with open_backend(Settings(home=tmp_path, base="builtin", _env_file=None)) as backend:
        yield backend


async def queue(backend: Backend, handle: str, *, key: str = "", by: str = "terminal") -> int:
    run, _ = await backend.store.runs.enqueue(RunWish(key or f"key-{handle}", (handle,), "builtin", {}, by))
    return run.id


# train


async def test_training_posts_a_card_and_links_to_it(backend: Backend) -> None:
    await bring(backend)
    async with aviary(backend) as at:
        assert "Manage Server" in await at.read(at.robin, "voice train", handle=KEEPER)
        assert await backend.store.runs.active() == []
        told = await at.read(at.owner, "voice train", handle=KEEPER)
        (card,) = await backend.store.cards.open()
        assert f"/channels/{at.guild.id}/{at.perch.id}/{card.message}" in told
        assert "Run 1 for @lampkeeper\\_ode is on its way" in told
        assert (card.person, card.place, card.say) == (f"discord:{at.owner.id}", at.place, "")
        assert "Place 1 in the queue" in at.cards()[-1].content


async def test_ones_own_posts_one_may_always_train(backend: Backend) -> None:
    await bring(backend)
    async with aviary(backend) as at:
        await at.own(at.robin, KEEPER)
        assert "is on its way" in await at.read(at.robin, "voice train", handle=KEEPER)


async def test_a_cyborg_is_trained_of_several(backend: Backend) -> None:
    await bring(backend)
    await bring(backend, "dustbin_4000")
    async with aviary(backend) as at:
        await at.read(at.owner, "voice train", handle="dustbin_4000", **{"with": f"@{KEEPER}"})
        (run,) = await backend.store.runs.active()
        assert run.handles == ("dustbin_4000", KEEPER)
        offered = await at.owner.autocomplete(at.perch, "voice train", "with", "lamp", handle="dustbin_4000")
        assert [choice["value"] for choice in offered] == [KEEPER]


async def test_what_is_there_is_not_trained_again(backend: Backend) -> None:
    await bring(backend)
    async with aviary(backend) as at:
        await at.ask(at.owner, "voice train", handle=KEEPER)
        (run,) = await backend.store.runs.active()
        await add_voice(backend, KEEPER, key=run.voice_key)
        assert "has that voice already" in await at.read(at.owner, "voice train", handle=KEEPER)


async def test_without_posts_it_says_how_to_bring_them(backend: Backend) -> None:
    async with aviary(backend) as at:
        told = await at.read(at.owner, "voice train", handle="nobody")
        assert "no posts of @nobody" in told
        assert "`/import`" in told


async def test_a_quota_holds(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, base="builtin", discord=DiscordSettings(person_trainings=1), _env_file=None)
    async with open_backend(settings) as backend, aviary(backend) as at:
        await bring(backend)
        await bring(backend, "dustbin_4000")
        await at.ask(at.owner, "voice train", handle=KEEPER)
        assert "ask again tomorrow" in await at.read(at.owner, "voice train", handle="dustbin_4000")
        assert len(await backend.store.runs.active()) == 1


async def test_the_twin_is_given_out_by_discords_own_permissions(server: DiscordServer, backend: Backend) -> None:
    """Whom Discord lets use /train may train, whatever else they may do."""
    await bring(backend)
    async with running_front(server, backend):
        with pytest.raises(LookupError, match="not offered"):
            await server.slash(server.channel, server.person, "train", handle=KEEPER)
        registered = next(command for command in server.world.commands[None] if command["name"] == "train")
        registered["default_member_permissions"] = None  # as Integrations would have it for this person
        told = await server.slash(server.channel, server.person, "train", handle=KEEPER)
        await server.until(lambda: told.response and not told.response.loading)
        assert told.response
        assert "is on its way" in told.response.content


async def test_the_twin_grants_nothing_where_somebody_brought_it_along(
    server: DiscordServer, backend: Backend
) -> None:
    await bring(backend)
    guild = server.world.add_guild("Elsewhere", has_bot=False)
    den = server.world.add_channel(guild, "den")
    server.world.join(guild, server.person)
    async with running_front(server, backend):
        server.world.commands[None][:] = [
            {**command, "default_member_permissions": None} for command in server.world.commands[None]
        ]
        told = await server.slash(den, server.person, "train", handle=KEEPER)
        await server.until(lambda: told.response and not told.response.loading)
        assert told.response
        assert "Manage Server" in told.response.content


# refresh


async def test_refresh_trains_where_posts_changed(backend: Backend) -> None:
    await bring(backend)
    async with aviary(backend) as at:
        await at.ask(at.owner, "voice train", handle=KEEPER)
        run = await begin(backend)
        await add_voice(backend, KEEPER, key=run.voice_key)
        await backend.store.runs.finish(run)
        assert "up to date" in await at.read(at.owner, "voice refresh", handle=KEEPER)
        await bring_posts(backend.store, KEEPER, 30)
        assert "is on its way" in await at.read(at.owner, "voice refresh", handle=KEEPER)
        (again,) = await backend.store.runs.active()
        assert again.voice_key != run.voice_key


# status and cancel


async def test_status_tells_what_goes_on_and_what_came_of_it(backend: Backend) -> None:
    async with aviary(backend) as at:
        assert await at.read(at.robin, "voice status") == "Nothing is being trained."
        await at.own(at.owner, "secret", audience="owner")
        for handle in ("failing", "keeper", "secret", "other"):
            await queue(backend, handle)
        for number in (1, 2):
            card: dict[str, Any] = {
                "place": at.place,
                "channel": "discord:5",
                "message": "6",
                "person": f"discord:{at.robin.id}",
            }
            await backend.store.cards.add(number, **card)
        told = await at.read(at.robin, "voice status")
        assert "No trainer is running" in told
        await backend.store.runs.fail(await begin(backend), "Too *little* text.", retry=False)
        await begin(backend, step=5)
        assert (await at.read(at.robin, "voice status")).split("\n") == [
            "**Under way**",
            "- run 2, @keeper: 25%, loss 4.12 · held-out loss 4.50, about 1 min 15 s left, "
            f"asked for by <@{at.robin.id}>",
            "- run 3, another voice: place 1 in the queue",
            "- run 4, @other: place 2 in the queue",
            "**Ended here**",
            "- run 1, @failing: failed: Too \\*little\\* text.",
        ]


async def test_cancelling_is_for_who_asked_and_who_runs_the_server(backend: Backend) -> None:
    async with aviary(backend) as at:
        wren = at.member("wren")
        await queue(backend, "keeper", by=f"discord:{at.robin.id}")
        await queue(backend, "robot")
        await queue(backend, "elsewhere")
        here: dict[str, Any] = {
            "place": at.place,
            "channel": "discord:5",
            "message": "6",
            "person": f"discord:{at.robin.id}",
        }
        await backend.store.cards.add(2, **here)
        await backend.store.cards.add(3, **{**here, "place": "discord:9", "person": "discord:8"})

        offered = {}
        for who in (at.robin, at.owner, wren):
            choices = await who.autocomplete(at.perch, "voice cancel", "run", "")
            offered[who.name] = [choice["value"] for choice in choices]
        assert offered == {"robin": [1, 2], "owner": [2], "wren": []}
        typed = await at.robin.autocomplete(at.perch, "voice cancel", "run", "robo")
        assert [choice["name"] for choice in typed] == ["2: @robot"]

        for who, number in ((wren, 1), (wren, 2), (at.owner, 1), (at.owner, 3)):
            assert "Only who asked" in await at.read(who, "voice cancel", run=number)
        assert await at.read(at.robin, "voice cancel", run=1) == "Run 1 is cancelled."
        run = await begin(backend, **HALF)
        assert "as soon as its trainer hears" in await at.read(at.owner, "voice cancel", run=2)
        assert await backend.store.runs.heartbeat(run, 60, {}) == "cancel"
        assert "There is no run 77" in await at.read(at.robin, "voice cancel", run=77)


async def test_everything_is_registered(server: DiscordServer, front: FrontClient) -> None:
    commands = {command["name"]: command for command in server.world.commands[None]}
    assert [option["name"] for option in commands["voice"]["options"]] == [
        *("train", "refresh", "status", "cancel", "export", "delete", "list", "info")
    ]
    assert commands["train"]["default_member_permissions"] == discord.Permissions(manage_guild=True).value
    assert [option["name"] for option in commands["train"]["options"]] == ["handle", "with", "and"]
