"""Voices go to the model hub and come from it: `push`, `pull`."""

import logging
import os
import sys
from typing import Annotated, Any

import typer
from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]  # re-exported without saying so
from rich.markup import escape

from bot.cli.present import err, out, print_json
from bot.cli.session import JsonOption, with_store
from bot.cli.voices import describe
from bot.hub.checks import MEGABYTE
from bot.hub.client import Hub
from bot.hub.pull import Offer, look
from bot.hub.pull import pull as pull_voice
from bot.hub.push import plan_push
from bot.hub.push import push as push_voice
from bot.training import find_voice
from data.settings import Settings
from data.store import Store

SHOWN_TAGS = 10
INTERRUPTED = 130  # exit code of Ctrl-C

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def add_commands(app: typer.Typer) -> None:
    app.command("push")(push)
    app.command("pull")(pull)


def push(
    context: typer.Context,
    handle: Annotated[str, typer.Argument(help="The voice's name in `mynah voices`.")],
    repo: Annotated[str, typer.Option(help="owner/name; else your account and the handles.")] = "",
    public: Annotated[
        bool, typer.Option("--public", help="Everybody may see it, where the owners allow it.")
    ] = False,
    own: Annotated[
        bool, typer.Option("--own", help="The posts are your own, though not released for publishing.")
    ] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Push a voice to the model hub, private unless you say otherwise. A broken push goes on when you repeat it.

    Example: mynah push some_one
    """
    _quiet_library()

    async def work(settings: Settings, store: Store) -> dict[str, Any]:
        hub = Hub(settings)
        voice = await find_voice(store, settings, handle)
        plan = await plan_push(store, settings, hub, voice, repo=repo, public=public)
        mine = own
        if plan.unreleased and not own and not yes and sys.stdin.isatty():
            who = " and ".join(f"@{name}" for name in plan.unreleased)
            mine = typer.confirm(
                f"The posts of {who} were not released for publishing. Are they your own?", err=True
            )
        if not yes and (mine or not plan.unreleased):  # else it is refused below
            seen = "everybody can see it" if public else "only its owner can see it"
            instead = ", in the place of what is there" if plan.renewed else ""
            question = f"Push the voice {voice.record.name} to {plan.repo}{instead} ({seen})?"
            typer.confirm(question, abort=True, err=True)
        address = await push_voice(
            store, settings, hub, plan, own=mine, tell=lambda sentence: err.print(escape(sentence))
        )
        return {"repo": plan.repo, "address": address, "public": public, "key": voice.record.key}

    try:
        result = with_store(context, work)
    except KeyboardInterrupt:
        err.print("Stopped; what was uploaded whole stays there. Push again to go on.")
        os._exit(INTERRUPTED)  # the library's threads would go on uploading, and the program wait for them
    if as_json:
        print_json(result)
    else:
        seen = "public" if public else "private"
        out.print(f"[green]✓[/] The voice is on the model hub, {seen}: {escape(result['address'])}")


def pull(
    context: typer.Context,
    repo: Annotated[str, typer.Argument(help="owner/name on the model hub, or its address.")],
    handle: Annotated[str, typer.Option(help="What to call the voice, where its card doesn't say.")] = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bring a published voice here, those of huggingtweets included. Only safetensors are taken, never a pickle.

    Example: mynah pull huggingtweets/some_one
    """
    _quiet_library()

    async def work(settings: Settings, store: Store) -> dict[str, Any]:
        hub = Hub(settings)
        async with look(store, settings, hub, repo, name=handle) as offer:
            _show_offer(offer)
            if not yes:
                typer.confirm("Download it?", abort=True, err=True)
            voice = await pull_voice(store, settings, hub, offer)
            return {**describe(voice), "repo": offer.repo, "revision": offer.revision, "bytes": offer.size}

    result = with_store(context, work)
    if as_json:
        print_json(result)
    else:
        out.print(
            f"[green]✓[/] The voice [bold]{result['name']}[/] is here, of revision {result['revision'][:12]}."
        )
        out.print(f"  → Talk to it with `mynah chat {result['name']}`.")


def _show_offer(offer: Offer) -> None:
    tags = ", ".join(offer.tags[:SHOWN_TAGS]) + (" ..." if len(offer.tags) > SHOWN_TAGS else "")
    err.print(
        f"[bold]{escape(offer.repo)}[/], revision {offer.revision}, {'private' if offer.private else 'public'}"
    )
    err.print(f"  voice     {escape(offer.name)}")
    err.print(f"  download  {offer.size / MEGABYTE:,.1f} MB: {', '.join(offer.files)}")
    err.print(f"  licence   {escape(offer.licence) or 'none named: ask its owner before you show it around'}")
    err.print(f"  tags      {escape(tags) or 'none'}")


def _quiet_library() -> None:
    """What went wrong is said once, in our words; its bars are for people who watch."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    if not err.is_terminal:
        disable_progress_bars()
