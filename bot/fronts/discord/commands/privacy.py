"""`/privacy`: what is kept of a person, who may use their voice, and the way out, but for the deletion itself."""

import asyncio
import io
import json
from dataclasses import asdict
from typing import Any

import discord
from discord import app_commands

from bot.catalogue import Entry
from bot.erasing import is_here, opt_out
from bot.fronts.discord.backend import Backend, Interaction, backend_of
from bot.fronts.discord.commands.deletion import delete
from bot.fronts.discord.completion import choices
from bot.fronts.discord.failures import answer, deferred
from bot.fronts.discord.names import person_of, place_of
from bot.fronts.discord.privacy_words import AUDIENCES, counted, erasure_by_operator, in_words
from bot.fronts.discord.speech import name_of
from bot.importing import GIVEN, refuse_publicity
from data.errors import NotFoundError, RefusedError
from data.posts import normalise_handle
from data.store import Audience, Right

POLICY = """\
**What I keep.** Posts that somebody brought by `/import`, or that the operator imported or read from an \
account's timeline, and the voices learned from them: until they are deleted. What voices answered to whom, which \
mentions were answered, who asked for trainings and who reported an answer: {days} days. Votes in /guess: until \
you or the voice's owner delete them. Who opted out: until it is lifted.
**On X and Bluesky**, where the operator may let a voice post: what it posted, so that it does not repeat itself, \
until the voice is erased; who mentioned it and what they asked: {days} days; who told it to stop: until they \
want answers again.
**What I don't.** I learn nothing from channels, direct messages and mentions, and keep nothing of them but what \
I was asked and answered.
**Who sees it.** The operator of this bot. A voice may be used by those whom its owner chose: `/privacy share`. \
Real posts show only in /guess, and only where their owner allowed it.
**The way out.** `/privacy mydata` shows what is kept about you. `/privacy delete` erases it at once: posts, \
voices, answers, votes. `/privacy optout` keeps an account from being imported, trained or spoken here, and \
anybody may do that.
**Contact.** {contact}"""

privacy = app_commands.Group(name="privacy", description="What I keep, who may use your voice, and the way out")
privacy.add_command(delete)


async def complete_own(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """Handles whose posts this person brought."""
    owned = await backend_of(interaction.client).store.consent.owned_by(person_of(interaction.user))
    return choices([Entry(right.handle, (right.handle,), True) for right in owned], typed)


delete.autocomplete("handle")(complete_own)


@privacy.command(name="mydata", description="Everything that is kept about you, in words and as a file")
async def show_data(interaction: Interaction) -> None:
    async with deferred(interaction, ephemeral=True):
        backend, person = backend_of(interaction.client), person_of(interaction.user)
        records = await backend.store.records_of(person)
        corpora = [await _corpus(backend, right) for right in await backend.store.consent.owned_by(person)]
        if not records:
            await answer(interaction, "Nothing is kept about you.")
            return
        counts = {kind: len(rows) for kind, rows in records.items()}
        lines = ["This is kept about you; the file has all of it.", *counted(counts)]
        lines += [f"{name_of([corpus['handle']])}: {len(corpus['posts']):,} posts." for corpus in corpora]
        file = await asyncio.to_thread(_json_file, {"person": person, "records": records, "corpora": corpora})
        if (
            len(file) > interaction.filesize_limit
        ):  # their own posts, which they have in the file that they brought
            lines.append("Your posts themselves are too many for a file on Discord; the rest is in it.")
            corpora = [{**corpus, "posts": len(corpus["posts"])} for corpus in corpora]
            file = await asyncio.to_thread(_json_file, {"person": person, "records": records, "corpora": corpora})
        await answer(interaction, "\n".join(lines), file=discord.File(io.BytesIO(file), "my-data.json"))


async def _corpus(backend: Backend, right: Right) -> dict[str, Any]:
    posts = backend.store.posts
    return {
        "handle": right.handle,
        "imports": [asdict(origin) for origin in await posts.imports(right.handle)],
        "posts": [
            {"id": post.id, "created_at": post.created_at, "text": post.text}
            for post in await posts.posts(right.handle)
        ],
    }


def _json_file(values: dict[str, Any]) -> bytes:
    return json.dumps(values, default=str, ensure_ascii=False, indent=1).encode()


@privacy.command(name="share", description="Decide who may use the voice of posts that you brought")
@app_commands.describe(
    handle="Whose voice; you brought the posts",
    audience="Who may use it",
    game="Whether /guess may show real posts of it",
)
@app_commands.choices(audience=AUDIENCES)
@app_commands.autocomplete(handle=complete_own)
async def share(interaction: Interaction, handle: str, audience: str, game: bool | None = None) -> None:
    async with deferred(interaction, ephemeral=True):
        backend, person, name = (
            backend_of(interaction.client),
            person_of(interaction.user),
            normalise_handle(handle),
        )
        known = await backend.store.consent.right(name)
        if known is None or known.owner != person:
            raise RefusedError(f"Only the person who brought the posts of @{name} decides who may use that voice.")
        chosen: Audience = audience  # type: ignore[assignment]  # one of the choices' values
        right = Right(name, person, place_of(interaction), chosen, known.game if game is None else game)
        if any(origin.consent == GIVEN for origin in await backend.store.posts.imports(name)):
            refuse_publicity(right)
        await backend.store.consent.claim(right)
        await answer(interaction, f"{name_of([name])}: {in_words(right, interaction)}")


@privacy.command(name="optout", description="From now on nobody imports, trains or speaks this account here")
@app_commands.describe(handle="The account that is to be left alone")
async def opt_out_handle(interaction: Interaction, handle: str) -> None:
    async with deferred(interaction, ephemeral=True):
        backend, person, name = (
            backend_of(interaction.client),
            person_of(interaction.user),
            normalise_handle(handle),
        )
        right = await backend.store.consent.right(name)
        owns = right is not None and right.owner == person
        here = await is_here(backend.store, name)
        ended = await opt_out(backend.store, name, person, wants_erasure=here and not owns)
        lines = [f"{name_of([name])} is opted out: nobody can import, train or speak that voice here any more."]
        if ended:
            lines.append(f"Trainings that end now: {ended}.")
        if here and owns:
            lines.append(f"What is here of it stays, unused; `/privacy delete handle:{name}` erases it.")
        elif here:
            lines.append(erasure_by_operator(backend.settings))
        lines.append(
            "Only who asked for it first, who brought the posts or the operator can lift that: "
            f"`/privacy optin handle:{name}`."
        )
        await answer(interaction, "\n".join(lines))


@privacy.command(name="optin", description="Lift your opt-out of an account")
@app_commands.describe(handle="The account that may be imported, trained and spoken again")
async def opt_in_handle(interaction: Interaction, handle: str) -> None:
    async with deferred(interaction, ephemeral=True):
        consent, name = backend_of(interaction.client).store.consent, normalise_handle(handle)
        if not await consent.opt_in(name, person_of(interaction.user)):
            raise NotFoundError(f"@{name} has not opted out here.")
        await answer(interaction, f"{name_of([name])} may be imported, trained and spoken here again.")


@privacy.command(name="policy", description="What is kept, for how long, who sees it, and how to be erased")
async def show_policy(interaction: Interaction) -> None:
    async with deferred(interaction, ephemeral=True):
        settings = backend_of(interaction.client).settings.discord
        contact = settings.contact or "Ask those who run this server who operates this bot."
        await answer(interaction, POLICY.format(days=settings.keep_days, contact=contact))


COMMANDS: tuple[app_commands.Command[Any, Any, Any] | app_commands.Group, ...] = (privacy,)
