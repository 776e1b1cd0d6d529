"""A picture of what a voice says, for sharing: `picture`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bot.cli.cards import NameOption, by_handle
from bot.cli.present import out, print_json
from bot.cli.session import JsonOption, with_store
from bot.cli.speak import open_imitator
from bot.fronts.terminal import TERMINAL
from bot.imitator import Reply
from bot.picture import read_portrait, share_picture, split_at_opening
from bot.training import find_voice
from data.errors import InputError
from data.settings import Settings
from data.store import Store
from trainer.voice import Voice

AvatarOption = Annotated[
    list[str] | None,
    typer.Option("--avatar", metavar="HANDLE=FILE", help="A person's picture; their initials if left out."),
]


def add_commands(app: typer.Typer) -> None:
    app.command("picture")(picture)


def picture(
    context: typer.Context,
    handle: Annotated[str, typer.Argument(help="The voice's name in `mynah voices`.")],
    prompt: Annotated[str | None, typer.Option(help="How the post starts; as with `mynah say`.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**62, help="The same seed says the same again.")] = None,
    dark: Annotated[bool, typer.Option("--dark", help="Light letters on dark ground.")] = False,
    output: Annotated[Path, typer.Option("--output", "-o", help="The PNG to write.")] = Path("predictions.png"),
    names: NameOption = None,
    avatars: AvatarOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw what a voice makes of the start of a sentence, as a picture of 1200 x 628 for sharing.

    Example: mynah picture some_one --prompt "The best thing about rain" --dark -o rain.png
    """

    async def work(settings: Settings, store: Store) -> tuple[Reply, bytes]:
        voice = await find_voice(store, settings, handle)
        called = by_handle(voice, "--name", names or ())
        portraits = _portraits(voice, by_handle(voice, "--avatar", avatars or ()))
        async with open_imitator(settings, store) as imitator:
            opening = voice.record.opening if prompt is None else prompt
            (reply,) = await imitator.continue_opening(voice, opening, 1, seed=seed, occasion=TERMINAL)
        handles = voice.record.handles
        drawn = await asyncio.to_thread(
            share_picture,
            [called.get(name, "") for name in handles],
            handles,
            *split_at_opening(reply.text, reply.prompt),
            avatars=portraits,
            dark=dark,
        )
        return reply, drawn

    reply, drawn = with_store(context, work)
    output.write_bytes(drawn)
    if as_json:
        print_json({**reply.to_json(), "file": str(output)})
    else:
        out.print(f"[green]✓[/] {escape(str(output))} shows: {escape(reply.text)}")


def _portraits(voice: Voice, files: dict[str, str]) -> list[bytes]:
    """In the order of the handles, empty where none was given. Raises InputError for what is no picture."""
    portraits = []
    for handle in voice.record.handles:
        path = Path(files[handle]) if handle in files else None
        if path is not None and not path.is_file():
            raise InputError(f"There is no file '{path}'; give a profile picture that is on this machine.")
        portraits.append(path.read_bytes() if path else b"")
        if path is not None:
            read_portrait(portraits[-1])
    return portraits
