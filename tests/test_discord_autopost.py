"""`/autopost`: who may use it, what it changes in the store, what it tells. In simcord, but for posting itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord
from discord import Permissions, app_commands
from simcord.actors import MemberActor

from bot.autopost.checklist import subject
from bot.fronts.discord.backend import Backend
from bot.fronts.discord.commands import autopost
from bot.fronts.discord.operators import REFUSAL
from bot.platforms import TurnedDownError
from data.errors import MynahError
from data.settings import Settings
from data.store import Right
from tests.discord_drafts import (
    TEXT,
    autoposting,
    card_of,
    draft_of,
    posting_backend,
    posting_settings,
    showing,
    waiting_draft,
)
from tests.discord_fronts import SETTLE_SECONDS, add_voice, open_backend, still_client
from tests.discord_server import DiscordServer, Interaction, User
from tests.social_doubles import ScriptedPlatform

EVERY = {"voice": "keeper", "on": "x", "every": "6h"}


class Office:
    """A server in simcord with an operator, somebody who manages the server, and a channel."""

    def __init__(self, env: simcord.Env, client: discord.Client, backend: Backend) -> None:
        self.backend = backend
        self.guild = env.create_guild()
        self.desk = self.guild.create_text_channel("desk")
        self.nest = self.guild.create_text_channel("nest")
        self.operator = self.guild.add_member(env.create_user("operator"))
        manager = self.guild.create_role("manager", permissions=Permissions(administrator=True))
        self.manager = self.guild.add_member(env.create_user("manager"), roles=[manager])
        assert client.application is not None
        client.application.owner = discord.Object(self.operator.id)  # type: ignore[assignment]  # only its id counts

    async def ask(self, command: str, who: MemberActor | None = None, **options: Any) -> str:
        told = await (who or self.operator).slash(self.desk, f"autopost {command}", **options)
        assert told.ephemeral
        return str(told.response.content)

    async def complete(self, command: str, option: str, typed: str, who: MemberActor | None = None) -> list[Any]:
        offered = await (who or self.operator).autocomplete(self.desk, f"autopost {command}", option, typed)
        return [(choice["value"], choice["name"]) for choice in offered]


@pytest.fixture(name="backend")
async def _backend(tmp_path: Path) -> AsyncIterator[Backend]:
    async with posting_backend(posting_settings(tmp_path)) as backend:
        yield backend


@asynccontextmanager
async def opened(backend: Backend) -> AsyncIterator[Office]:
    client = still_client(backend)
    async with simcord.run(
        client, settle_timeout=SETTLE_SECONDS, check_errors=False
    ) as env:  # refusals are answers
        await client.tree.sync()
        yield Office(env, client, backend)
        refusals = (MynahError, app_commands.CheckFailure)
        assert all(isinstance(error.__cause__ or error, refusals) for error in env.errors)


# Who may


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("add", EVERY),
        ("list", {}),
        ("pause", {"schedule": 1}),
        ("resume", {"schedule": 1}),
        ("remove", {"schedule": 1}),
        ("queue", {}),
        ("approve", {"draft": 1}),
        ("reject", {"draft": 1}),
        ("post-now", {"voice": "keeper", "on": "x"}),
    ],
)
async def test_those_who_only_manage_the_server_read_one_sentence(
    backend: Backend, command: str, options: dict[str, Any]
) -> None:
    async with opened(backend) as office:
        await waiting_draft(backend, None)
        assert await office.ask(command, office.manager, **options) == REFUSAL
        assert await backend.store.schedules.all() == []
        assert [draft.state for draft in await backend.store.drafts.recent()] == ["draft"]


def test_no_command_was_left_out_of_the_test_above() -> None:
    assert len(autopost.autopost.commands) == 9


async def test_completion_tells_strangers_nothing(backend: Backend) -> None:
    async with opened(backend) as office:
        await waiting_draft(backend, None)
        await office.ask("add", **EVERY)
        for command, option in (("add", "voice"), ("pause", "schedule"), ("approve", "draft")):
            assert await office.complete(command, option, "") != []
            assert await office.complete(command, option, "", office.manager) == []


# Schedules


async def test_a_schedule_from_its_beginning_to_its_end(backend: Backend) -> None:
    async with opened(backend) as office:
        said = await office.ask(
            "add", **EVERY, between="08:00-22:00", jitter="20m", timezone="Europe/Berlin", prompt="Fog:"
        )
        assert said.startswith(
            "Added.\n- **1** @keeper on X, every 6h, between 08:00 and 22:00, up to 20m later (Europe/Berlin) · "
            "next <t:"
        )
        assert "begins “Fog:”" in said
        (schedule,) = await backend.store.schedules.all()
        assert (schedule.voice, schedule.platform, schedule.approve) == ("keeper", "x", False)
        assert schedule.person == f"discord:{office.operator.id}"
        assert schedule.channel == ""

        assert await office.ask("pause", schedule=1) == "Schedule 1 is paused; `/autopost resume` lets it go on."
        assert "**paused**" in await office.ask("list")
        assert (await office.ask("resume", schedule=1)).startswith("It goes on.\n- **1**")
        assert "**paused**" not in await office.ask("list")
        assert "is removed" in await office.ask("remove", schedule=1)
        assert await office.ask("list") == "No schedules yet; `/autopost add` makes one."


async def test_cron_is_taken_too(backend: Backend) -> None:
    async with opened(backend) as office:
        said = await office.ask("add", voice="keeper", on="x", cron="0 9 * * 1-5", timezone="UTC")
        assert "cron 0 9 \\* \\* 1-5 (UTC)" in said


async def test_what_waits_for_approval_is_shown_here_or_in_a_chosen_channel(backend: Backend) -> None:
    async with opened(backend) as office:
        assert f"approval in <#{office.desk.id}>" in await office.ask("add", **EVERY, approve=True)
        assert f"approval in <#{office.nest.id}>" in await office.ask(
            "add", **EVERY, approve=True, channel=office.nest
        )
        channels = [schedule.channel for schedule in await backend.store.schedules.all()]
        assert channels == [f"discord:{office.desk.id}", f"discord:{office.nest.id}"]


async def test_a_channel_that_can_not_show_drafts_is_refused(backend: Backend) -> None:
    async with opened(backend) as office:
        assert "set `approve`" in await office.ask("add", **EVERY, channel=office.nest)
        closed = office.guild.create_text_channel(
            "closed", overwrites={office.guild.default_role: discord.PermissionOverwrite(send_messages=False)}
        )
        assert "I may not show posts in" in await office.ask("add", **EVERY, approve=True, channel=closed)
        assert await backend.store.schedules.all() == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({**EVERY, "cron": "0 9 * * *"}, "Say when to post"),
        ({**EVERY, "every": "often"}, "is not a span of time"),
        ({**EVERY, "timezone": "Nowhere"}, "There is no time zone"),
        ({**EVERY, "voice": "nobody"}, "There is no voice of @nobody yet"),
        ({**EVERY, "voice": "private"}, "does not share that voice"),
        ({**EVERY, "on": "bluesky"}, "Bluesky is not set up"),
        ({**EVERY, "prompt": "See https://example.org"}, "may hold no link"),
    ],
)
async def test_what_can_not_be_planned_is_one_sentence(
    backend: Backend, options: dict[str, Any], sentence: str
) -> None:
    async with opened(backend) as office:
        await add_voice(backend, "private")
        await backend.store.consent.claim(Right("private", "discord:1", "discord:2", "owner"))
        assert sentence in await office.ask("add", **options)
        assert await backend.store.schedules.all() == []


async def test_nothing_is_planned_before_the_rules_are_confirmed(backend: Backend) -> None:
    async with opened(backend) as office:
        await backend.store.standing.revoke(subject("x"))
        assert "`mynah autopost confirm x`" in await office.ask("add", **EVERY)


async def test_voices_complete_that_are_open_to_everyone(backend: Backend) -> None:
    async with opened(backend) as office:
        await add_voice(backend, "private")
        await backend.store.consent.claim(Right("private", f"discord:{office.operator.id}", "discord:2", "owner"))
        assert await office.complete("add", "voice", "") == [("keeper", "@keeper")]


async def test_schedules_complete_by_number_and_by_words(backend: Backend) -> None:
    async with opened(backend) as office:
        for hours in range(1, 13):
            await office.ask("add", **{**EVERY, "every": f"{hours}h", "timezone": "UTC"})
        await office.ask("pause", schedule=2)
        first, *others = await office.complete("pause", "schedule", "1")
        assert first == (1, "1: @keeper on X, every 1h (UTC)")
        assert {10, 11, 12} <= {value for value, _ in others}
        assert await office.complete("pause", "schedule", "paused") == [
            (2, "2: @keeper on X, every 2h (UTC), paused")
        ]
        assert await office.complete("remove", "schedule", "every 7H") == [(7, "7: @keeper on X, every 7h (UTC)")]


# Drafts


async def test_drafts_complete_by_number_and_by_words(backend: Backend) -> None:
    async with opened(backend) as office:
        await waiting_draft(backend, None)
        await waiting_draft(backend, None, "A gull " + "and a gull " * 20)
        assert await office.complete("approve", "draft", "LAMP") == [(1, f"1: @keeper on X: {TEXT}")]
        ((value, name),) = await office.complete("reject", "draft", "2")
        assert value == 2
        assert len(name) <= 100


async def test_the_queue_and_what_is_decided_on_it(backend: Backend) -> None:
    async with opened(backend) as office:
        assert await office.ask("queue") == "Nothing is on its way, and nothing was posted yet."
        for text in ("One lamp.", "Two gulls."):
            await waiting_draft(backend, None, text)
        said = await office.ask("queue")
        assert said.startswith("**Waiting**\n- **1** @keeper on X “One lamp.”: It waits for approval. <t:")

        approved = await office.ask("approve", draft=1)
        assert f"Approved by <@{office.operator.id}>; it goes out next." in approved
        assert f"Rejected by <@{office.operator.id}>." in await office.ask("reject", draft=2)
        assert "was faster. Draft 2 is rejected by now" in await office.ask("approve", draft=2)
        assert "There is no draft 3" in await office.ask("approve", draft=3)
        said = await office.ask("queue")
        assert said.index("One lamp") < said.index("**Lately**") < said.index("Two gulls")


async def test_a_long_queue_is_cut(backend: Backend) -> None:
    async with opened(backend) as office:
        for number in range(60):
            await waiting_draft(backend, None, f"Lamp number {number} is lit.")
        said = await office.ask("queue")
        assert len(said) <= 2000
        assert "more; `mynah autopost` in the terminal shows all." in said


async def test_numbers_of_a_platform_that_is_gone_are_still_listed(tmp_path: Path) -> None:
    async with posting_backend(posting_settings(tmp_path)) as backend, opened(backend) as office:
        await office.ask("add", **EVERY)
        await waiting_draft(backend, None)
    async with open_backend(Settings(home=tmp_path, _env_file=None)) as backend, opened(backend) as office:
        assert "@keeper on X" in await office.ask("list")
        assert "waits for approval" in await office.ask("queue")


# Posting at once, over the wire, with the loop that does the work


async def post_now(server: DiscordServer, owner: User, **options: Any) -> Interaction:
    asked = await server.slash(server.channel, owner, "autopost post-now", voice="keeper", on="x", **options)
    await server.until(lambda: asked.response and not asked.response.loading, seconds=5)
    assert asked.response is not None
    assert asked.response.ephemeral
    return asked


async def test_post_now_tells_where_it_stands(server: DiscordServer, tmp_path: Path) -> None:
    platform = ScriptedPlatform()
    async with posting_backend(posting_settings(tmp_path), platform) as backend:
        async with showing(server, backend), autoposting(backend):
            asked = await post_now(server, server.guild.owner, prompt="Fog:")
        assert asked.response is not None
        assert asked.response.content.endswith("Posted: <https://x.com/i/status/901>")
        ((text, _),) = platform.published
        assert text.startswith("Fog:")
        assert (await draft_of(backend)).person == f"discord:{server.guild.owner.id}"


async def test_post_now_tells_why_it_does_not_stand_there(server: DiscordServer, tmp_path: Path) -> None:
    platform = ScriptedPlatform()
    platform.errors.append(TurnedDownError("X does not take this; look at the account."))
    settings = posting_settings(tmp_path)
    async with posting_backend(settings, platform) as backend, showing(server, backend), autoposting(backend):
        asked = await post_now(server, server.guild.owner)
    assert asked.response is not None
    assert asked.response.content.endswith("It was not posted: X does not take this; look at the account.")


async def test_post_now_says_that_it_waits_for_approval(server: DiscordServer, tmp_path: Path) -> None:
    platform = ScriptedPlatform()
    async with posting_backend(posting_settings(tmp_path), platform) as backend:
        async with showing(server, backend), autoposting(backend):
            asked = await post_now(server, server.guild.owner, approve=True)
            assert asked.response is not None
            assert f"It waits for approval. <#{server.channel.id}> shows it" in asked.response.content
            assert "**Draft 1**" in (await card_of(server)).content
        assert platform.published == []


async def test_post_now_leaves_what_takes_long_to_the_queue(
    server: DiscordServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autopost, "WAIT_SECONDS", 0.1)
    async with posting_backend(posting_settings(tmp_path)) as backend, showing(server, backend):
        asked = await post_now(server, server.guild.owner)  # nobody writes it
    assert asked.response is not None
    assert "The voice looks for words." in asked.response.content
    assert "`/autopost queue` shows how it goes on." in asked.response.content


async def test_who_decided_is_told_and_forgotten_like_all_that_is_kept_of_a_person(backend: Backend) -> None:
    await waiting_draft(backend, None)
    await backend.desk.approve(1, "discord:7")
    (record,) = (await backend.store.records_of("discord:7"))["drafts"]
    assert record["decided_by"] == "discord:7"
    await backend.store.forget_person("discord:7")
    assert await backend.store.records_of("discord:7") == {}
    assert (await draft_of(backend)).state == "approved"  # it was not theirs alone
