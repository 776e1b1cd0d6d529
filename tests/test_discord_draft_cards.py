"""Draft cards over the wire: how they look, who decides, how they follow a draft to its end, once only."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from discord import Permissions
from structlog.testing import capture_logs

from bot.fronts.discord.backend import Backend
from bot.fronts.discord.operators import REFUSAL
from bot.platforms import TurnedDownError
from data.settings import XSettings
from tests.discord_drafts import (
    KEYS,
    TEXT,
    autoposting,
    card_of,
    cards,
    draft_of,
    noted,
    posting_backend,
    posting_settings,
    showing,
    shows,
    waiting_draft,
)
from tests.discord_server import DiscordServer, Interaction, User
from tests.discord_server.messages import walk
from tests.social_doubles import ScriptedPlatform

MESSAGES = r"/channels/\d+/messages"


@pytest.fixture(name="platform")
def _platform() -> ScriptedPlatform:
    return ScriptedPlatform()


@pytest.fixture(name="owner")
def _owner(server: DiscordServer) -> User:
    """Of the bot's application."""
    return server.guild.owner


@pytest.fixture(name="other")
def _other(server: DiscordServer) -> User:
    """Named by the settings as an operator."""
    return server.add_user("wren")


@pytest.fixture(name="backend")
async def _backend(tmp_path: Path, platform: ScriptedPlatform, other: User) -> AsyncIterator[Backend]:
    async with posting_backend(posting_settings(tmp_path, other.id), platform) as backend:
        yield backend


def told(interaction: Interaction) -> str:
    """What only who pressed reads."""
    (sentence,) = interaction.followups
    assert sentence.ephemeral
    return sentence.content


# What a card shows


async def test_a_draft_that_waits_is_shown_as_it_will_be_sent(server: DiscordServer, backend: Backend) -> None:
    draft = await waiting_draft(backend, server.channel, f"{TEXT} <@{server.person.id}> @everyone\nAnd the fog.")
    async with showing(server, backend):
        message = await card_of(server)
        assert await noted(backend) == str(message.id)
    lines = message.content.split("\n")
    assert lines[0] == "**Draft 1** of @keeper for X"
    assert lines[1].startswith("> The lamp is \\*lit\\* again.")
    assert f"<@{server.person.id}>" not in lines[1]
    assert "@everyone" not in lines[1]
    assert lines[2:5] == ["> And the fog.", "> ", "> 🤖 AI parody"]
    assert lines[5] == f"-# {len(draft.text) + len('..🤖 AI parody')} of 280 characters"
    assert lines[6] == "It waits for approval."
    assert message.mentions == []
    assert [item["label"] for item in walk(message.components) if "label" in item] == [
        *("Approve", "Another", "Edit", "Reject")
    ]


async def test_a_label_in_the_profile_is_not_in_the_text(server: DiscordServer, tmp_path: Path) -> None:
    settings = posting_settings(tmp_path).model_copy(update={"x": XSettings(**KEYS, label="profile")})
    async with posting_backend(settings) as backend:
        await waiting_draft(backend, server.channel)
        async with showing(server, backend):
            message = await card_of(server)
    assert "> 🤖" not in message.content
    assert "profile holds the AI label" in message.content


async def test_drafts_without_a_channel_are_shown_nowhere(server: DiscordServer, backend: Backend) -> None:
    await waiting_draft(backend, None)
    await waiting_draft(backend, server.channel, "Another one.")
    async with showing(server, backend):
        message = await card_of(server)
    assert "**Draft 2**" in message.content


# To the end


async def test_an_approved_draft_is_followed_to_its_address(
    server: DiscordServer, backend: Backend, platform: ScriptedPlatform, owner: User
) -> None:
    await waiting_draft(backend, server.channel)
    async with showing(server, backend):
        message = await card_of(server)
        await server.press(message, owner, "Approve")
        await shows(server, message, f"Approved by <@{owner.id}>; it goes out next.")
        assert not message.components
        async with autoposting(backend):
            await shows(server, message, "Posted: <https://x.com/i/status/901>")
        await asyncio.sleep(0.05)
        assert message.mentions == []
    assert platform.published == [(f"{TEXT}\n\n🤖 AI parody", "")]
    assert TEXT.replace("*", "\\*") in message.content
    assert (await draft_of(backend)).message == ""  # nothing is left to be shown
    assert (await draft_of(backend)).decided_by == f"discord:{owner.id}"


async def test_a_failed_draft_says_why(
    server: DiscordServer, backend: Backend, platform: ScriptedPlatform, owner: User
) -> None:
    platform.errors.append(TurnedDownError("X does not take *this*; look at the account."))
    await waiting_draft(backend, server.channel)
    async with showing(server, backend), autoposting(backend):
        message = await card_of(server)
        await server.press(message, owner, "Approve")
        await shows(server, message, "It was not posted: X does not take \\*this\\*")
    assert not message.components


async def test_a_rejected_draft_says_by_whom(
    server: DiscordServer, backend: Backend, platform: ScriptedPlatform, other: User
) -> None:
    await waiting_draft(backend, server.channel)
    async with showing(server, backend), autoposting(backend):
        message = await card_of(server)
        await server.press(message, other, "Reject")
        await shows(server, message, f"Rejected by <@{other.id}>.")
        assert not message.components
    assert platform.published == []


async def test_what_is_decided_elsewhere_shows_too(server: DiscordServer, backend: Backend) -> None:
    await waiting_draft(backend, server.channel)
    async with showing(server, backend):
        message = await card_of(server)
        await backend.desk.reject(1, "operator")
        await shows(server, message, "Rejected by the operator.")


async def test_another_has_the_voice_say_something_else(
    server: DiscordServer, backend: Backend, owner: User
) -> None:
    await waiting_draft(backend, server.channel)
    async with showing(server, backend):
        message = await card_of(server)
        await server.press(message, owner, "Another")
        await shows(server, message, "The voice looks for words.")
        assert not message.components
        async with autoposting(backend):
            await shows(server, message, "It waits for approval.")
        await server.press(message, owner, "Approve")
        await shows(server, message, "Approved by")
    assert (await draft_of(backend)).text != TEXT
    assert len(cards(server)) == 1


async def test_edit_puts_other_words_in_its_place(server: DiscordServer, backend: Backend, owner: User) -> None:
    await waiting_draft(backend, server.channel)
    async with showing(server, backend):
        message = await card_of(server)
        form = await server.press(message, owner, "Edit")
        assert form.modal is not None
        assert TEXT in str(form.modal)
        await server.submit(form, text="The lamp was out all night.")
        await shows(server, message, "> The lamp was out all night.")
        assert message.components  # it still waits
    assert (await draft_of(backend)).state == "draft"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Read https://example.org/lamp", "it holds a link"),
        ("All is well at the lamp tonight.", "one of the person's own posts"),
        ("A lamp and a gull. " * 20, "280"),
    ],
)
async def test_edited_words_pass_the_gates(
    server: DiscordServer, backend: Backend, owner: User, text: str, why: str
) -> None:
    await waiting_draft(backend, server.channel)
    async with showing(server, backend):
        message = await card_of(server)
        sent = await server.submit(await server.press(message, owner, "Edit"), text=text)
        await server.until(lambda: sent.followups)
        assert why in told(sent)
    assert (await draft_of(backend)).text == TEXT


async def test_the_card_of_an_erased_draft_shows_nothing_of_it(server: DiscordServer, backend: Backend) -> None:
    await waiting_draft(backend, server.channel)
    async with showing(server, backend):
        message = await card_of(server)
        await noted(backend)
        await asyncio.sleep(0.05)  # until it is looked after
        await backend.store.forget("keeper")
        await shows(server, message, "**Draft 1** was erased")
        assert "lamp" not in message.content
        assert not message.components


# Who decides


@pytest.mark.parametrize("label", ["Approve", "Another", "Edit", "Reject"])
async def test_strangers_read_one_sentence(server: DiscordServer, backend: Backend, label: str) -> None:
    boss = server.add_user("boss", permissions=Permissions(administrator=True))
    await waiting_draft(backend, server.channel)
    async with showing(server, backend):
        pressed = await server.press(await card_of(server), boss, label)
        assert pressed.response is not None
        assert (pressed.response.content, pressed.response.ephemeral) == (REFUSAL, True)
    assert (await draft_of(backend)).state == "draft"


async def test_a_team_decides_but_for_those_who_only_look_on(
    server: DiscordServer, backend: Backend, owner: User
) -> None:
    people = {name: server.add_user(name) for name in ("developer", "viewer", "invited")}

    def member(name: str, state: int, role: str) -> dict[str, object]:
        return {"user": people[name].wire(), "team_id": "9", "membership_state": state, "role": role}

    server.world.team = {
        "id": "9",
        "name": "Keepers",
        "icon": None,
        "owner_user_id": "1",
        "members": [
            member("developer", 2, "developer"),
            member("viewer", 2, "read_only"),
            member("invited", 1, "admin"),
        ],
    }
    await waiting_draft(backend, server.channel)
    async with showing(server, backend):
        message = await card_of(server)
        for stranger in (people["viewer"], people["invited"], owner):
            pressed = await server.press(message, stranger, "Approve")
            assert pressed.response is not None
            assert pressed.response.content == REFUSAL
        await server.press(message, people["developer"], "Approve")
        await shows(server, message, f"Approved by <@{people['developer'].id}>")


async def test_of_two_at_once_one_wins_and_the_other_reads_who_was_faster(
    server: DiscordServer, backend: Backend, owner: User, other: User
) -> None:
    await waiting_draft(backend, server.channel)
    async with showing(server, backend):
        message = await card_of(server)
        approves, rejects = await asyncio.gather(
            server.press(message, owner, "Approve"), server.press(message, other, "Reject")
        )
        await server.until(lambda: approves.followups or rejects.followups)
        await server.until(lambda: not message.components)
    draft = await draft_of(backend)
    if draft.state == "approved":
        assert told(rejects).startswith(f"<@{owner.id}> was faster. Draft 1 is approved by now")
        assert not approves.followups
        assert "Approved by" in message.content
    else:
        assert told(approves).startswith(f"<@{other.id}> was faster. Draft 1 is rejected by now")
        assert not rejects.followups
        assert "Rejected by" in message.content


async def test_what_was_decided_can_not_be_edited(
    server: DiscordServer, backend: Backend, owner: User, other: User
) -> None:
    await waiting_draft(backend, server.channel)
    async with showing(server, backend, poll=3600):  # the card is not up to date
        message = await card_of(server)
        await backend.desk.approve(1, f"discord:{other.id}")
        pressed = await server.press(message, owner, "Edit")
        assert pressed.response is not None
        assert pressed.response.content == f"<@{other.id}> was faster. Draft 1 can't be changed any more."


# Restarts


async def test_its_buttons_outlast_a_restart(server: DiscordServer, backend: Backend, owner: User) -> None:
    await waiting_draft(backend, server.channel)
    async with showing(server, backend):
        message = await card_of(server)
    async with showing(server, backend):
        await server.press(message, owner, "Approve")
        await shows(server, message, "Approved by")
    assert len(cards(server)) == 1


async def test_what_was_decided_meanwhile_shows_after_a_restart(server: DiscordServer, backend: Backend) -> None:
    await waiting_draft(backend, server.channel)
    async with showing(server, backend):
        message = await card_of(server)
        await noted(backend)
    await backend.desk.reject(1, "operator")
    async with showing(server, backend):
        await shows(server, message, "Rejected by the operator.")
    assert len(cards(server)) == 1


async def test_a_card_that_was_posted_but_not_noted_is_found_again(
    server: DiscordServer, backend: Backend, owner: User
) -> None:
    await waiting_draft(backend, server.channel)
    async with showing(server, backend):
        message = await card_of(server)
        await noted(backend)
    await backend.store.drafts.show(1, "")  # as if the process had ended just before it was noted
    server.world.nonces.clear()  # and Discord had forgotten the nonce
    for number in range(40):
        server.say(server.channel, owner, f"Chatter {number}")
    async with showing(server, backend):
        await server.press(message, owner, "Approve")
        await shows(server, message, "Approved by")
    assert cards(server) == [message]


async def test_a_card_whose_answer_is_lost_is_posted_once(server: DiscordServer, backend: Backend) -> None:
    server.faults.cut("POST", f"/channels/{server.channel.id}/messages", after_effect=True)
    await waiting_draft(backend, server.channel)
    async with showing(server, backend):
        await noted(backend)
    assert len(cards(server)) == 1


# Channels that are closed


@pytest.mark.parametrize("trouble", ["gone", "closed", "unreadable"])
async def test_where_it_can_not_be_shown_it_stays_in_the_queue_and_the_log_says_so(
    server: DiscordServer, backend: Backend, trouble: str
) -> None:
    other = server.world.add_channel(server.guild, "nest")
    await waiting_draft(backend, other)
    await waiting_draft(backend, server.channel, "Another one.")
    match trouble:
        case "gone":
            server.world.remove_channel(other)
        case "closed":
            server.world.deny(other, Permissions(send_messages=True))
        case _:
            server.world.deny(other, Permissions(read_message_history=True))
    with capture_logs() as entries:
        async with showing(server, backend):
            message = await card_of(server)
            await asyncio.sleep(0.2)
    assert "**Draft 2**" in message.content
    said = [entry for entry in entries if "can't be shown on Discord" in entry["event"]]
    assert [(entry["draft"], entry["log_level"]) for entry in said] == [(1, "warning")]
    draft = await draft_of(backend)
    assert (draft.state, draft.message) == ("draft", "")


async def test_a_card_that_somebody_deleted_is_not_posted_again(server: DiscordServer, backend: Backend) -> None:
    await waiting_draft(backend, server.channel)
    async with showing(server, backend):
        message = await card_of(server)
        await noted(backend)
        server.world.delete(message)
    async with showing(server, backend):
        await asyncio.sleep(0.1)
        await backend.desk.reject(1, "operator")
        await asyncio.sleep(0.1)
    assert cards(server) == []
