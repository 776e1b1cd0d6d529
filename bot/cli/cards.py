"""A voice leaves with its card: `card`, `export`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bot.cards import card_of, cover_of
from bot.cli.present import out
from bot.cli.session import with_store
from bot.training import find_voice
from data.errors import InputError
from data.posts import normalise_handle
from data.settings import Settings
from data.store import Store
from trainer.card import Person
from trainer.voice import Voice

NameOption = Annotated[
    list[str] | None,
    typer.Option("--name", metavar="HANDLE=NAME", help="What a person calls themselves, for the card."),
]
PictureOption = Annotated[
    list[str] | None,
    typer.Option("--picture", metavar="HANDLE=URL", help="Address of a person's picture, for the card."),
]


def add_commands(app: typer.Typer) -> None:
    app.command("card")(card)
    app.command("export")(export)


def card(
    context: typer.Context,
    handle: Annotated[str, typer.Argument(help="The voice's name in `mynah voices`.")],
    names: NameOption = None,
    pictures: PictureOption = None,
) -> None:
    """Print a voice's model card: whom it imitates, what it learned from, how well, and what it is not for.

    Example: mynah card some_one --name "some_one=Some One" > README.md
    """

    async def work(settings: Settings, store: Store) -> str:
        voice = await find_voice(store, settings, handle)
        return await card_of(store, settings, voice, _people(voice, names or (), pictures or ()))

    print(with_store(context, work), end="")  # plain: rich would wrap it and read its brackets as markup


def export(
    context: typer.Context,
    handle: Annotated[str, typer.Argument(help="The voice's name in `mynah voices`.")],
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    names: NameOption = None,
    pictures: PictureOption = None,
) -> None:
    """Write a voice as a plain Hugging Face folder for transformers.pipeline, with its card and a picture.

    Example: mynah export some_one ./some_one-model
    """

    async def work(settings: Settings, store: Store) -> tuple[Voice, dict[str, bytes]]:
        voice = await find_voice(store, settings, handle)
        await store.consent.refuse_opted_out(voice.record.handles)
        return voice, await cover_of(store, settings, voice, _people(voice, names or (), pictures or ()))

    voice, cover = with_store(context, work)
    from trainer.export import export_voice  # torch: seconds that no other command should pay

    export_voice(voice, folder, cover)
    name = escape(str(folder))
    out.print(f'[green]✓[/] {name} is ready for transformers.pipeline("text-generation", model="{name}").')


def _people(voice: Voice, names: Sequence[str], pictures: Sequence[str]) -> list[Person]:
    called, shown = by_handle(voice, "--name", names), by_handle(voice, "--picture", pictures)
    return [Person(handle, called.get(handle, ""), shown.get(handle, "")) for handle in voice.record.handles]


def by_handle(voice: Voice, option: str, given: Sequence[str]) -> dict[str, str]:
    """`["a=b"]` -> `{"a": "b"}`. Raises InputError for what names no handle of the voice."""
    found = {}
    for pair in given:
        handle, equals, value = pair.partition("=")
        handle = normalise_handle(handle) if equals else ""
        if handle not in voice.record.handles:
            raise InputError(
                f"{option} can't take '{pair}'; write a handle of the voice, an equals sign and the value, as in "
                f"{voice.record.handles[0]}=Somebody."
            )
        found[handle] = value
    return found
