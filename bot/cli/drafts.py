"""Posts on their way to X and Bluesky: `autopost queue|approve|reject|post-now`."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

from bot.autopost.desk import STANDS, Desk
from bot.autopost.plans import Plans
from bot.autopost.publishing import DRY_RUN
from bot.catalogue import Catalogue
from bot.cli.accounts import OPERATOR, OnOption, chosen_platform
from bot.cli.present import out, print_json, printable, short_time
from bot.cli.session import JsonOption, with_store
from bot.cli.speak import open_imitator
from bot.governor import Governor
from bot.platforms.addresses import address_of
from bot.training import find_voice
from data.errors import MynahError, RefusedError
from data.posts import PLATFORMS
from data.settings import Settings
from data.store import Draft, Store
from data.store.draft import OPEN

FAILED_DAYS = 7  # so long what failed is shown in the queue

VoiceArgument = Annotated[str, typer.Argument(help="The voice's name in `mynah voices`.")]
PromptOption = Annotated[str, typer.Option("--prompt", help="How each post begins.")]
ApproveOption = Annotated[bool, typer.Option("--approve", help="Nothing goes out before you approve it.")]
DraftNumber = Annotated[int, typer.Argument(help="The draft's number in `mynah autopost queue`.")]


def add_draft_commands(app: typer.Typer) -> None:
    app.command("queue")(queue)
    app.command("approve")(approve)
    app.command("reject")(reject)
    app.command("post-now")(post_now)


def queue(context: typer.Context, as_json: JsonOption = False) -> None:
    """Posts and answers on their way, those that wait for you, and what failed this week.

    Example: mynah autopost queue
    """

    async def work(settings: Settings, store: Store) -> list[Draft]:
        lately = await store.drafts.changed_since(datetime.now(UTC) - timedelta(days=FAILED_DAYS))
        return [*await store.drafts.in_state(*OPEN), *(draft for draft in lately if draft.state == "failed")]

    drafts = with_store(context, work)
    if as_json:
        print_json([asdict(draft) for draft in drafts])
    elif not drafts:
        out.print("Nothing is on its way, and nothing failed this week.")
    else:
        for draft in drafts:
            _show(draft)
        if waiting := [draft.id for draft in drafts if draft.state == "draft"]:
            out.print(f"  → `mynah autopost approve {waiting[0]}` or `mynah autopost reject {waiting[0]}`")


def _show(draft: Draft) -> None:
    what = "answer" if draft.reply_to else "post"
    where = f"{escape(draft.voice)}, {what} on {PLATFORMS[draft.platform]}, {short_time(draft.not_before)}"
    out.print(f"[bold]{draft.id}[/]  {where}: {STANDS[draft.state]}", soft_wrap=True)
    for text, style in ((draft.text, ""), (draft.error, "yellow")):
        if text:
            out.print(Padding(Text(printable(text), style), (0, 0, 0, 3), expand=False))


def approve(context: typer.Context, number: DraftNumber) -> None:
    """Let a draft that waits for you go out.

    Example: mynah autopost approve 7
    """

    async def work(settings: Settings, store: Store) -> Draft:
        return await _desk(settings, store).approve(number, OPERATOR)

    draft = with_store(context, work)
    out.print(f"[green]✓[/] Draft {number} goes out on {PLATFORMS[draft.platform]} as soon as the bot runs.")


def reject(context: typer.Context, number: DraftNumber) -> None:
    """Keep a draft that was not sent yet from ever going out.

    Example: mynah autopost reject 7
    """

    async def work(settings: Settings, store: Store) -> None:
        await _desk(settings, store).reject(number, OPERATOR)

    with_store(context, work)
    out.print(f"Draft {number} is rejected and never goes out.")


def post_now(
    context: typer.Context,
    handle: VoiceArgument,
    prompt: PromptOption = "",
    approve: ApproveOption = False,
    on: OnOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a voice write a post and bring it out at once, here; with --approve it is only written.

    Example: mynah autopost post-now some_one --prompt "The best thing about rain"
    """
    # Only what publishes needs the clock and the platforms' libraries, which take long to load.
    from bot.autopost.serving import Autoposting
    from bot.platforms.opening import open_platforms

    async def work(settings: Settings, store: Store) -> Draft:
        catalogue = Catalogue(store, settings)
        platform = chosen_platform(settings, on)
        await find_voice(store, settings, handle)
        draft = await Plans(store, settings, catalogue).post_now(handle, platform, prompt, approve)
        async with (
            open_imitator(settings, store) as imitator,
            open_platforms(settings, Governor(store, settings)) as platforms,
        ):
            return await Autoposting(store, settings, imitator, catalogue, platforms).once(draft)

    draft = with_store(context, work)
    address = address_of(draft.platform, draft.published) if draft.published else ""
    if as_json:
        print_json({**asdict(draft), "address": address})
    elif draft.text:
        out.print(draft.sent or draft.text, markup=False, soft_wrap=True)
    if draft.state == "rejected" and draft.error == DRY_RUN:
        if not as_json:
            out.print(f"  → A dry run: without it, that would be on {PLATFORMS[draft.platform]} now.")
        return
    if draft.state in ("failed", "rejected"):
        raise RefusedError(f"Draft {draft.id} was not posted: {draft.error or 'somebody rejected it'}")
    if draft.state not in ("posted", "draft"):
        raise MynahError(
            f"Draft {draft.id} is not out yet; `mynah bot` tries again from {short_time(draft.not_before)} on, "
            f"unless you end it with `mynah autopost reject {draft.id}`. {draft.error}".rstrip()
        )
    if as_json:
        return
    if address:
        print(address)
    else:
        out.print(f"  → It is draft {draft.id}; `mynah autopost approve {draft.id}` lets it go out.")


def _desk(settings: Settings, store: Store) -> Desk:
    return Desk(store, settings, Catalogue(store, settings))
