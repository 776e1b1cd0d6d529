"""`/import`: somebody brings posts as a file and says whose they are and who may use them."""

import asyncio
import re
from pathlib import Path
from typing import Any, Literal

import aiohttp
import discord
from discord import app_commands

from bot.fronts.discord.backend import Interaction, backend_of
from bot.fronts.discord.failures import answer, deferred
from bot.fronts.discord.names import person_of, place_of
from bot.fronts.discord.privacy_words import AUDIENCES, in_words
from bot.fronts.discord.speech import escaped, name_of
from bot.importing import Bringer
from data.collect import Collected
from data.corpus import check_size
from data.errors import InputError, TooLittleDataError
from data.posts import normalise_handle
from data.store import Audience, Right

LARGEST_MB = 50  # what Discord takes where people pay a little; most may attach 10 MB
LONGEST_NAME = 80  # characters of a file's name


@app_commands.command(
    name="import", description=f"Bring posts: X's archive, tweets.js, CSV or JSONL, up to {LARGEST_MB} MB"
)
@app_commands.describe(
    file=f"Up to {LARGEST_MB} MB; if Discord takes only 10, zip just data/tweets.js and data/account.js",
    handle="Whose posts these are; needed for tweets.js alone and where a table doesn't say it",
    whose="mine (if you don't say): my posts. theirs: its owner gave me the file for this; I answer for it",
    share="Who may use the voice; this server if you don't say",
    game="Whether /guess may show real posts of it; no if you don't say",
)
@app_commands.choices(share=AUDIENCES)
async def import_posts(
    interaction: Interaction,
    file: discord.Attachment,
    handle: str = "",
    whose: Literal["mine", "theirs"] = "mine",
    share: str | None = None,
    game: bool | None = None,
) -> None:
    async with deferred(interaction, ephemeral=True):
        _refuse_large(file)
        backend, person = backend_of(interaction.client), person_of(interaction.user)
        audience: Audience | None = share  # type: ignore[assignment]  # one of the choices' values
        bringer = Bringer(person, place_of(interaction), whose == "mine", audience, game)
        wanted = normalise_handle(handle) if handle.strip() else None
        async with backend.imports.turn(person) as folder:
            path = await _receive(file, folder)
            try:
                collected = await backend.imports.collect(path, bringer, wanted)
            except InputError as error:  # written for the terminal as well
                raise InputError(str(error).replace("--handle", "the option `handle`")) from None
        right = await backend.store.consent.right(collected.corpus.handle)
        await answer(interaction, _receipt(interaction, collected, right, own=bringer.own))


def _refuse_large(file: discord.Attachment) -> None:
    """Before anything is downloaded."""
    if file.size > LARGEST_MB * 2**20:
        raise InputError(
            f"This file has {file.size / 2**20:,.0f} MB and I take {LARGEST_MB} MB; of an archive I need only "
            "`data/tweets.js` and `data/account.js`, so zip just these two, or ask the operator of this bot to "
            "import the file with `mynah import`."
        )


async def _receive(file: discord.Attachment, folder: Path) -> Path:
    """Download into `folder`, under a name that is safe on every disk."""
    path = folder / (re.sub(r"[^\w.-]", "_", file.filename)[-LONGEST_NAME:].lstrip(".") or "posts")
    try:
        content = await file.read()
    except (discord.HTTPException, aiohttp.ClientError, TimeoutError):
        raise InputError("Discord did not hand the file over; attach it once more.") from None
    await asyncio.to_thread(path.write_bytes, content)
    return path


def _receipt(interaction: Interaction, collected: Collected, right: Right | None, *, own: bool) -> str:
    """The counts as a sum that a person can check, and what happens with the posts now."""
    corpus, counts = collected.corpus, collected.corpus.counts
    name = name_of([corpus.handle])
    reasons = _listed(counts.breakdown) if counts.breakdown.keys() - {"short"} else ""
    changed = f", {collected.added.changed:,} changed" if collected.added.changed else ""
    lines = [
        f"**{name}**, {collected.provenance.source}: {collected.added.new:,} new posts{changed}.",
        "```",
        f"downloaded {counts.downloaded:>9,}",
        f"retweets   {-counts.retweets:>9,}",
        f"short      {-counts.short:>9,}  {reasons}",
        f"kept       {counts.kept:>9,}  ({corpus.characters:,} characters)",
        "```",
    ]
    if collected.skipped:
        lines.append(f"Not read: {_listed(collected.skipped)}.")
    if right is not None:
        lines.append(
            f"{in_words(right, interaction)} "
            "`/privacy share` changes that, `/privacy delete` takes all of it back."
        )
    if not own:
        lines.append(f"You said that {name} gave you this file for a voice; you answer for it.")
    try:
        warning = check_size(corpus)
    except TooLittleDataError as error:
        return "\n".join([*lines, f"**Too little yet:** {escaped(str(error))}"])
    if warning:
        lines.append(escaped(warning))
    return "\n".join([*lines, f"Next: `/imitate handle:{corpus.handle}` trains the voice and lets it speak."])


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in counts.items())


COMMANDS: tuple[app_commands.Command[Any, Any, Any] | app_commands.Group, ...] = (import_posts,)
