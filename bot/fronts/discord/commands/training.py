"""Training from Discord: `/voice train` and its twin `/train`, `/voice refresh`, `status` and `cancel`."""

from collections.abc import Iterable

from discord import app_commands

from bot.fronts.discord import run_cards
from bot.fronts.discord.backend import Backend, Interaction, backend_of
from bot.fronts.discord.card_text import NO_TRAINER, why
from bot.fronts.discord.completion import (
    LONGEST_CHOICE,
    MOST_CHOICES,
    complete_name,
    complete_partner,
    complete_voice,
    mixed,
)
from bot.fronts.discord.failures import answer, deferred
from bot.fronts.discord.names import number_of, person_of, place_of
from bot.fronts.discord.permits import may_manage, refuse_training
from bot.fronts.discord.speech import LONGEST_MESSAGE, name_of
from bot.fronts.run_words import where_it_stands
from bot.training import TRAINER_IS_ALIVE_SECONDS
from data.errors import NotFoundError, RefusedError
from data.store import Card, Run
from trainer.wish import Asked, ask_for_voice

MOST_ENDED = 5  # runs in /voice status that have ended
MOST_ACTIVE = 10  # that have not

_OPTIONS = {
    "handle": "Whose posts to learn from; they must have been brought",
    "partner": "Mix in a second person",
    "third": "Mix in a third person",
}


@app_commands.command(name="train", description="Have a voice made; a message here shows how it gets on")
@app_commands.rename(partner="with", third="and")
@app_commands.describe(**_OPTIONS)
@app_commands.autocomplete(handle=complete_name, partner=complete_partner, third=complete_partner)
async def train_voice(interaction: Interaction, handle: str, partner: str = "", third: str = "") -> None:
    async with deferred(interaction, ephemeral=True):
        await _train(interaction, (handle, partner, third))


# The same at the top level: Discord gives permissions to whole commands only, so this is the one for which a
# server decides under Integrations who may train. That decision holds where the bot was added to the server; a
# command that a person brought along from elsewhere says nothing of what they may do there.
@app_commands.command(name="train", description="Have a voice made; under Integrations a server decides who may")
@app_commands.default_permissions(manage_guild=True)
@app_commands.rename(partner="with", third="and")
@app_commands.describe(**_OPTIONS)
@app_commands.autocomplete(handle=complete_name, partner=complete_partner, third=complete_partner)
async def train(interaction: Interaction, handle: str, partner: str = "", third: str = "") -> None:
    async with deferred(interaction, ephemeral=True):
        await _train(interaction, (handle, partner, third), granted=interaction.is_guild_integration())


async def _train(interaction: Interaction, names: Iterable[str], *, granted: bool = False) -> None:
    backend = backend_of(interaction.client)
    handles = backend.catalogue.handles_of(name for name in names if name.strip())
    corpora = await backend.store.posts.handles()
    if missing := [handle for handle in handles if handle not in corpora]:
        raise NotFoundError(f"I know no posts of {name_of(missing)} yet; `/import` brings them.")
    await refuse_training(interaction, handles, granted=granted)
    asked = await ask_for_voice(backend.store, backend.settings, handles, requested_by=person_of(interaction.user))
    if asked.voice is not None:
        await answer(interaction, f"{name_of(handles)} has that voice already; `/imitate` has it speak.")
    else:
        await _announce(interaction, asked)


@app_commands.command(name="refresh", description="Make a voice anew where its posts have changed since")
@app_commands.describe(handle="Whose voice")
@app_commands.autocomplete(handle=complete_voice)
async def refresh(interaction: Interaction, handle: str) -> None:
    async with deferred(interaction, ephemeral=True):
        backend, person = backend_of(interaction.client), person_of(interaction.user)
        record = (await backend.catalogue.voice(handle, person, place_of(interaction))).record
        await refuse_training(interaction, list(record.handles))
        asked = await ask_for_voice(
            backend.store,
            backend.settings,
            record.handles,
            base_name=record.base,
            profile=record.recipe.profile,
            requested_by=person,
        )
        if asked.voice is not None:
            await answer(interaction, f"The voice of {name_of(record.handles)} is up to date with its posts.")
        else:
            await _announce(interaction, asked)


async def _announce(interaction: Interaction, asked: Asked) -> None:
    run = asked.run
    assert run is not None  # there is a run where there is no voice
    card = await run_cards.announce(interaction, run)
    what = "is on its way" if asked.created else "is on its way already"
    link = run_cards.link_to(interaction, card)
    told = [f"Run {run.id} for {name_of(run.handles)} {what}: {link}", *asked.notes]
    await answer(interaction, "\n".join(told)[:LONGEST_MESSAGE])


@app_commands.command(name="status", description="What is being trained, and what came of the last trainings here")
async def status(interaction: Interaction) -> None:
    async with deferred(interaction, ephemeral=True):
        backend, place = backend_of(interaction.client), place_of(interaction)
        active = await backend.store.runs.active()
        lines = ["**Under way**"] if active else ["Nothing is being trained."]
        lines += [await _active_line(interaction, run) for run in active[:MOST_ACTIVE]]
        if len(active) > MOST_ACTIVE:
            lines.append(f"- and {len(active) - MOST_ACTIVE} more in the queue")
        if active and not await backend.store.runs.live_trainers(TRAINER_IS_ALIVE_SECONDS):
            lines.append(NO_TRAINER)
        if ended := await _ended_here(backend, person_of(interaction.user), place):
            lines += ["**Ended here**", *(_ended_line(run) for run in ended)]
        await answer(interaction, "\n".join(lines)[:LONGEST_MESSAGE])


async def _active_line(interaction: Interaction, run: Run) -> str:
    """Who asked is told to the place only where it was asked, and whose voice it is to those who may use it."""
    backend, person, place = backend_of(interaction.client), person_of(interaction.user), place_of(interaction)
    here = [card for card in await backend.store.cards.of_run(run.id) if card.place == place]
    usable = await backend.store.consent.usable(run.handles, person, place)
    name = name_of(run.handles) if usable.issuperset(run.handles) else "another voice"
    asked = f", asked for by <@{number_of(here[0].person)}>" if here and usable.issuperset(run.handles) else ""
    return f"- run {run.id}, {name}: {where_it_stands(run, await backend.store.runs.place(run.id))}{asked}"


async def _ended_here(backend: Backend, person: str, place: str) -> list[Run]:
    """The last ones of voices that this person may use, newest first."""
    numbers = dict.fromkeys(card.run_id for card in await backend.store.cards.asked_in(place))
    runs = [run for number in numbers if (run := await backend.store.runs.get(number)) and run.finished_at]
    usable = await backend.store.consent.usable({name for run in runs for name in run.handles}, person, place)
    return [run for run in runs if usable.issuperset(run.handles)][:MOST_ENDED]


def _ended_line(run: Run) -> str:
    reason = f": {why(run)}" if run.state == "failed" else ""
    return f"- run {run.id}, {name_of(run.handles)}: {run.state}{reason}"


async def complete_run(interaction: Interaction, typed: str) -> list[app_commands.Choice[int]]:
    """The runs that this person may cancel."""
    backend = backend_of(interaction.client)
    runs = [run for run in await backend.store.runs.active() if await _may_cancel(interaction, run)]
    named = {run.id: f"{run.id}: {mixed(run.handles)}" for run in runs}
    return [
        app_commands.Choice(name=name[:LONGEST_CHOICE], value=number)
        for number, name in named.items()
        if str(typed).lower() in name.lower()
    ][:MOST_CHOICES]


@app_commands.command(name="cancel", description="End a training; who asked for it may, or manages the server")
@app_commands.describe(run="Its number")
@app_commands.autocomplete(run=complete_run)
async def cancel(interaction: Interaction, run: int) -> None:
    async with deferred(interaction, ephemeral=True):
        backend = backend_of(interaction.client)
        known = await backend.store.runs.get(run)
        if known is None:
            raise NotFoundError(f"There is no run {run}; see `/voice status`.")
        if not await _may_cancel(interaction, known):
            raise RefusedError(
                f"Only who asked for run {run} may cancel it, or who has Manage Server where it was asked for."
            )
        cancelled = await backend.store.runs.cancel(run)
        await answer(interaction, _outcome(run, cancelled))


async def _may_cancel(interaction: Interaction, run: Run) -> bool:
    person, place = person_of(interaction.user), place_of(interaction)
    cards: list[Card] = await backend_of(interaction.client).store.cards.of_run(run.id)
    own = run.requested_by == person or any(card.person == person for card in cards)
    return own or (may_manage(interaction) and any(card.place == place for card in cards))


def _outcome(number: int, run: Run | None) -> str:
    if run is None:
        return f"Run {number} was erased meanwhile."
    if run.state in ("done", "failed"):
        return f"Run {number} had ended already: {run.state}."
    if run.state == "running":
        return f"Run {number} ends as soon as its trainer hears of it."
    return f"Run {number} is cancelled."
