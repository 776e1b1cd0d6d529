"""`/autopost`: what is posted on X and Bluesky, when, and whether; for those who operate the bot.

Nothing is published from here: commands change what the store holds, and the bot's own loop acts on it.
"""

import asyncio
from typing import Any

import discord
from discord import app_commands

from bot.autopost.timing import Timing
from bot.fronts.discord.answers import is_member
from bot.fronts.discord.backend import Interaction, backend_of
from bot.fronts.discord.completion import LONGEST_CHOICE, MOST_CHOICES, choices
from bot.fronts.discord.draft_buttons import DraftButton, decide
from bot.fronts.discord.draft_text import (
    card,
    draft_choice,
    draft_line,
    schedule_choice,
    schedule_line,
)
from bot.fronts.discord.failures import answer, deferred
from bot.fronts.discord.names import channel_of, number_of, person_of
from bot.fronts.discord.operators import refuse_strangers
from bot.fronts.discord.speech import LONGEST_MESSAGE
from data.errors import InputError
from data.posts import PLATFORMS
from data.store import Draft, Store
from data.store.draft import ENDED, OPEN

WAIT_SECONDS = 90.0  # that /autopost post-now looks on; what takes longer is left to the queue
LOOK_SECONDS = 0.25
MOST_ENDED = 5  # of what is over, in the queue

_ON = [app_commands.Choice(name=name, value=value) for value, name in PLATFORMS.items()]
_Room = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread
_operators_only = app_commands.check(refuse_strangers)


class _OperatorsGroup(app_commands.Group):
    async def interaction_check(self, interaction: Interaction, /) -> bool:
        return refuse_strangers(interaction)


autopost = _OperatorsGroup(name="autopost", description="What I post on X and Bluesky; for those who operate me")


@_operators_only
async def complete_open_voice(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """Voices that are ready and open to everyone."""
    entries = await backend_of(interaction.client).catalogue.entries("", "")
    return choices([entry for entry in entries if entry.ready], typed)


@_operators_only
async def complete_schedule(interaction: Interaction, typed: str) -> list[app_commands.Choice[int]]:
    """Schedules, by number or by what they say."""
    schedules = await backend_of(interaction.client).store.schedules.all()
    return _numbered({schedule.id: schedule_choice(schedule) for schedule in schedules}, typed)


@_operators_only
async def complete_draft(interaction: Interaction, typed: str) -> list[app_commands.Choice[int]]:
    """Drafts that wait for approval, by number or by what they say."""
    drafts = await backend_of(interaction.client).store.drafts.in_state("draft")
    return _numbered({draft.id: draft_choice(draft) for draft in drafts}, typed)


def _numbered(named: dict[int, str], typed: str) -> list[app_commands.Choice[int]]:
    typed = typed.strip().casefold()
    found = [
        app_commands.Choice(name=name[:LONGEST_CHOICE], value=number)
        for number, name in named.items()
        if typed in name.casefold()
    ]
    return sorted(found, key=lambda choice: str(choice.value) != typed)[:MOST_CHOICES]


@autopost.command(name="add", description="Post in a voice on a schedule")
@app_commands.describe(
    voice="Whose voice",
    on="Where",
    every="How often, as 6h, 90m or 2d; or use cron",
    cron="When, as minute hour day month weekday: 0 9 * * 1-5; or use every",
    between="Hours of the day, as 08:00-22:00",
    jitter="Move each post by chance, later by at most so much: 20m",
    timezone="Whose clocks, as Europe/Berlin; those of the bot's machine if you don't say",
    prompt="How each post begins",
    approve="Whether each post waits for your approval",
    channel="Where posts are shown for approval; here if you don't say",
)
@app_commands.choices(on=_ON)
@app_commands.autocomplete(voice=complete_open_voice)
async def add(
    interaction: Interaction,
    voice: str,
    on: str,
    every: str = "",
    cron: str = "",
    between: str = "",
    jitter: str = "",
    timezone: str = "",
    prompt: str = "",
    approve: bool = False,
    channel: app_commands.AppCommandChannel | None = None,
) -> None:
    async with deferred(interaction, ephemeral=True):
        timing = Timing.from_words(cron=cron, every=every, between=between, jitter=jitter, timezone=timezone)
        schedule = await backend_of(interaction.client).plans.add(
            voice,
            on,
            timing,
            prompt=prompt,
            approve=approve,
            channel=_shown_in(interaction, channel, approve=approve),
            person=person_of(interaction.user),
        )
        await answer(interaction, f"Added.\n{schedule_line(schedule)}")


@autopost.command(name="list", description="The schedules")
async def list_schedules(interaction: Interaction) -> None:
    async with deferred(interaction, ephemeral=True):
        schedules = await backend_of(interaction.client).store.schedules.all()
        lines = [schedule_line(schedule) for schedule in schedules]
        await answer(interaction, _listed(lines) or "No schedules yet; `/autopost add` makes one.")


@autopost.command(name="pause", description="Post nothing by a schedule until it is resumed")
@app_commands.describe(schedule="Its number")
@app_commands.autocomplete(schedule=complete_schedule)
async def pause(interaction: Interaction, schedule: int) -> None:
    async with deferred(interaction, ephemeral=True):
        await backend_of(interaction.client).plans.pause(schedule)
        await answer(interaction, f"Schedule {schedule} is paused; `/autopost resume` lets it go on.")


@autopost.command(name="resume", description="Go on with a schedule, from its next time on")
@app_commands.describe(schedule="Its number")
@app_commands.autocomplete(schedule=complete_schedule)
async def resume(interaction: Interaction, schedule: int) -> None:
    async with deferred(interaction, ephemeral=True):
        resumed = await backend_of(interaction.client).plans.resume(schedule)
        await answer(interaction, f"It goes on.\n{schedule_line(resumed)}")


@autopost.command(name="remove", description="Delete a schedule, and reject its drafts that were not sent yet")
@app_commands.describe(schedule="Its number")
@app_commands.autocomplete(schedule=complete_schedule)
async def remove(interaction: Interaction, schedule: int) -> None:
    async with deferred(interaction, ephemeral=True):
        await backend_of(interaction.client).plans.remove(schedule)
        said = f"Schedule {schedule} is removed; its drafts that were not sent yet are rejected."
        await answer(interaction, said)


@autopost.command(name="queue", description="What is on its way, what waits for approval, what became of the last")
async def queue(interaction: Interaction) -> None:
    async with deferred(interaction, ephemeral=True):
        drafts = backend_of(interaction.client).store.drafts
        waiting = [draft_line(draft) for draft in await drafts.in_state(*OPEN)]
        ended = [draft_line(draft) for draft in await drafts.recent() if draft.state in ENDED][:MOST_ENDED]
        lines = [*(["**Waiting**", *waiting] if waiting else []), *(["**Lately**", *ended] if ended else [])]
        await answer(interaction, _listed(lines) or "Nothing is on its way, and nothing was posted yet.")


@autopost.command(name="approve", description="Let a draft go out")
@app_commands.describe(draft="Its number")
@app_commands.autocomplete(draft=complete_draft)
async def approve_draft(interaction: Interaction, draft: int) -> None:
    async with deferred(interaction, ephemeral=True):
        decided = await decide(interaction, draft, approve=True)
        await answer(interaction, _shown(interaction, decided))


@autopost.command(name="reject", description="Let a draft never go out")
@app_commands.describe(draft="Its number")
@app_commands.autocomplete(draft=complete_draft)
async def reject_draft(interaction: Interaction, draft: int) -> None:
    async with deferred(interaction, ephemeral=True):
        decided = await decide(interaction, draft, approve=False)
        await answer(interaction, _shown(interaction, decided))


@autopost.command(name="post-now", description="Post once in a voice, now")
@app_commands.describe(
    voice="Whose voice",
    on="Where",
    prompt="How the post begins",
    approve="Whether it waits for your approval",
    channel="Where it is shown for approval; here if you don't say",
)
@app_commands.choices(on=_ON)
@app_commands.autocomplete(voice=complete_open_voice)
async def post_now(
    interaction: Interaction,
    voice: str,
    on: str,
    prompt: str = "",
    approve: bool = False,
    channel: app_commands.AppCommandChannel | None = None,
) -> None:
    async with deferred(interaction, ephemeral=True):
        backend = backend_of(interaction.client)
        entered = await backend.plans.post_now(
            voice,
            on,
            prompt,
            approve,
            channel=_shown_in(interaction, channel, approve=approve),
            person=person_of(interaction.user),
        )
        draft = await _followed(backend.store, entered)
        later = "" if draft.state in ENDED else "\n`/autopost queue` shows how it goes on."
        if draft.state == "draft":
            later = f" <#{number_of(draft.channel)}> shows it, and `/autopost approve` takes its number."
        await answer(interaction, f"{_shown(interaction, draft)}{later}")


async def _followed(store: Store, draft: Draft) -> Draft:
    """The draft once it ended or waits for somebody, or as it stands when looking on takes too long."""
    until = asyncio.get_running_loop().time() + WAIT_SECONDS
    while draft.state != "draft" and draft.state not in ENDED and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(LOOK_SECONDS)
        draft = await store.drafts.get(draft.id) or draft
    return draft


def _shown(interaction: Interaction, draft: Draft) -> str:
    backend = backend_of(interaction.client)
    return card(draft, None, backend.settings, backend.platforms)


def _shown_in(interaction: Interaction, chosen: app_commands.AppCommandChannel | None, *, approve: bool) -> str:
    """The channel for drafts, by name; empty where nothing waits for approval.

    Raises InputError where the bot could show nothing there.
    """
    if not approve:
        if chosen is not None:
            raise InputError("Only what waits for approval is shown; set `approve`, or leave `channel` out.")
        return ""
    channel = chosen.resolve() if chosen is not None else interaction.channel
    if isinstance(channel, discord.DMChannel) and interaction.context.dm_channel:
        return channel_of(channel)
    if not is_member(interaction) or not isinstance(channel, _Room):
        raise InputError("I can't show posts there; choose a text channel of a server that I am on as `channel`.")
    allowed = channel.permissions_for(channel.guild.me)
    may_send = allowed.send_messages_in_threads if isinstance(channel, discord.Thread) else allowed.send_messages
    if not (allowed.view_channel and may_send and allowed.read_message_history):
        raise InputError(
            f"I may not show posts in <#{channel.id}>; let me view it, send messages and read the history there, "
            "or choose another `channel`."
        )
    return channel_of(channel)


def _listed(lines: list[str]) -> str:
    """As many lines as a message holds, and how many are left out."""
    kept: list[str] = []
    for number, line in enumerate(lines):
        rest = f"… and {len(lines) - number} more; `mynah autopost` in the terminal shows all."
        if len("\n".join([*kept, line, rest])) > LONGEST_MESSAGE:
            return "\n".join([*kept, rest])
        kept.append(line)
    return "\n".join(kept)


COMMANDS: tuple[app_commands.Command[Any, Any, Any] | app_commands.Group, ...] = (autopost,)
DYNAMIC_ITEMS: tuple[type[discord.ui.DynamicItem[Any]], ...] = (DraftButton,)
