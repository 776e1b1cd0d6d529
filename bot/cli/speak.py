"""Voices speak: `say` continues a sentence, `chat` answers in the terminal."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from typing import Annotated

import typer

from bot.cli.present import err, out, print_json
from bot.cli.session import JsonOption, with_store
from bot.fronts.terminal import TERMINAL, TerminalFront
from bot.imitator import Imitator, Reply
from bot.shelf import VoiceShelf
from bot.training import find_voice
from data.errors import NotFoundError
from data.settings import Settings
from data.store import Store
from trainer.engine import open_engine
from trainer.voice import EXAMPLE_OPENING, Voice


def add_commands(app: typer.Typer) -> None:
    app.command("say")(say)
    app.command("chat")(chat)


@contextlib.asynccontextmanager
async def open_shelf(settings: Settings) -> AsyncIterator[VoiceShelf]:
    """The engine of the settings and an empty shelf over it."""
    engine = await asyncio.to_thread(open_engine, settings.speak.device, settings.cache)
    async with VoiceShelf(engine, settings.speak.memory_mb * 2**20) as shelf:
        yield shelf


@contextlib.asynccontextmanager
async def open_imitator(settings: Settings, store: Store) -> AsyncIterator[Imitator]:
    """Engine, shelf and imitator, wired."""
    async with open_shelf(settings) as shelf:
        yield Imitator(shelf, store, settings)


def say(
    context: typer.Context,
    handle: Annotated[str, typer.Argument(help="The voice's name in `mynah voices`.")],
    text: Annotated[
        str | None,
        typer.Argument(help=f"How the post starts; '{EXAMPLE_OPENING}' for a voice that knows English."),
    ] = None,
    count: Annotated[int, typer.Option("-n", min=1, max=50, help="How many posts.")] = 10,
    seed: Annotated[int | None, typer.Option(min=0, max=2**62, help="The same seed says the same again.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Let a voice write posts that start with your words.

    Example: mynah say some_one "The best thing about rain" -n 3 --seed 7
    """

    async def work(settings: Settings, store: Store) -> list[Reply]:
        voice = await find_voice(store, settings, handle)
        async with open_imitator(settings, store) as imitator:
            opening = voice.record.opening if text is None else text
            return await imitator.continue_opening(voice, opening, count, seed=seed, occasion=TERMINAL)

    replies = with_store(context, work)
    if len(replies) < count:
        err.print(f"[yellow]![/] Only {len(replies)} of {count} passed the gates.")
    if as_json:
        print_json([reply.to_json() for reply in replies])
        return
    for reply in replies:
        out.print(f"• {reply.text}", markup=False)


async def newest_voice(store: Store, settings: Settings) -> Voice:
    rows = await store.voices.all()
    if not rows:
        raise NotFoundError("There is no voice yet; make one with `mynah train HANDLE`, or try `mynah demo`.")
    newest = max(rows, key=lambda row: row.created_at)
    return Voice.from_folder(settings.voices / newest.key)


def chat(
    context: typer.Context,
    handle: Annotated[str | None, typer.Argument(help="The voice to talk to; the newest if left out.")] = None,
) -> None:
    """Talk to a voice. Lines from a pipe are answered one by one.

    Example: mynah chat some_one
    """

    async def work(settings: Settings, store: Store) -> None:
        voice = await (find_voice(store, settings, handle) if handle else newest_voice(store, settings))
        async with open_imitator(settings, store) as imitator:
            front = TerminalFront(out, imitator, voice)
            if sys.stdin.isatty():
                await front.chat()
            else:
                await front.answer_all(line.strip() for line in sys.stdin if line.strip())

    with_store(context, work)
