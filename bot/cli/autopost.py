"""Schedules of posts on X and Bluesky: `autopost add|list|pause|resume|remove`, and the group they stand in."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from bot.autopost.plans import Plans
from bot.autopost.timing import Timing
from bot.catalogue import Catalogue
from bot.cli.accounts import OnOption, add_account_commands, chosen_platform
from bot.cli.drafts import ApproveOption, PromptOption, VoiceArgument, add_draft_commands
from bot.cli.present import out, print_json, print_table, short_time
from bot.cli.session import JsonOption, with_store
from bot.spending import forecast
from bot.training import find_voice
from data.posts import PLATFORMS
from data.settings import Settings
from data.store import Schedule, Store

Number = Annotated[int, typer.Argument(help="The schedule's number in `mynah autopost list`.")]


def add_commands(app: typer.Typer) -> None:
    group = typer.Typer(name="autopost", help="Post in a voice on X and Bluesky.", no_args_is_help=True)
    group.command("add")(add)
    group.command("list")(list_schedules)
    group.command("pause")(pause)
    group.command("resume")(resume)
    group.command("remove")(remove)
    add_draft_commands(group)
    add_account_commands(group)
    app.add_typer(group)


def add(
    context: typer.Context,
    handle: VoiceArgument,
    cron: Annotated[str, typer.Option(help="Minute, hour, day, month, weekday: '0 9 * * 1-5'.")] = "",
    every: Annotated[str, typer.Option(help="How often: 6h, 90m or 2d.")] = "",
    between: Annotated[str, typer.Option(help="Hours of the day, as 08:00-22:00.")] = "",
    jitter: Annotated[str, typer.Option(help="Move each post by chance, later by at most so much: 20m.")] = "",
    timezone: Annotated[str, typer.Option(help="Whose clock counts: Europe/Berlin; else this machine's.")] = "",
    prompt: PromptOption = "",
    approve: ApproveOption = False,
    on: OnOption = None,
) -> None:
    """Let a voice post on a schedule, while `mynah bot` or `mynah run` runs.

    Example: mynah autopost add some_one --every 6h --between 08:00-22:00 --jitter 20m
    """
    timing = Timing.from_words(cron=cron, every=every, between=between, jitter=jitter, timezone=timezone)

    async def work(settings: Settings, store: Store) -> Schedule:
        platform = chosen_platform(settings, on)
        await find_voice(store, settings, handle)
        return await _plans(settings, store).add(handle, platform, timing, prompt=prompt, approve=approve)

    schedule = with_store(context, work)
    settings: Settings = context.obj
    where = f"{escape(schedule.voice)} posts on {PLATFORMS[schedule.platform]}"
    asked = "; each post waits for `mynah autopost approve`" if approve else ""
    out.print(f"[green]✓[/] Schedule {schedule.id}: {where}, {escape(str(timing))}{asked}.", soft_wrap=True)
    out.print(f"  → First at {_next(schedule)}, if `mynah bot` or `mynah run` runs then.", soft_wrap=True)
    if cost := forecast(settings.spending, schedule.platform, timing):
        out.print(f"  → {cost}", soft_wrap=True)


def list_schedules(context: typer.Context, as_json: JsonOption = False) -> None:
    """Every schedule, and its next time in this machine's time zone.

    Example: mynah autopost list
    """

    async def work(settings: Settings, store: Store) -> list[Schedule]:
        return await store.schedules.all()

    schedules = with_store(context, work)
    if as_json:
        print_json([asdict(schedule) for schedule in schedules])
    elif not schedules:
        out.print("No schedules yet; make one with `mynah autopost add HANDLE --every 6h`.")
    else:
        rows = (
            (
                schedule.id,
                schedule.voice,
                PLATFORMS[schedule.platform],
                "paused" if schedule.paused else _next(schedule),
                f"{Timing.from_json(schedule.timing)}{', with approval' if schedule.approve else ''}",
            )
            for schedule in schedules
        )
        print_table("Schedules", ("no.", "voice", "on", "next", "when"), rows)


def pause(context: typer.Context, number: Number) -> None:
    """Post nothing by a schedule until it is resumed.

    Example: mynah autopost pause 1
    """

    async def work(settings: Settings, store: Store) -> None:
        await _plans(settings, store).pause(number)

    with_store(context, work)
    out.print(f"Schedule {number} is paused; `mynah autopost resume {number}` lets it go on.")


def resume(context: typer.Context, number: Number) -> None:
    """Go on with a paused schedule, from its next time on. What it missed is not made up.

    Example: mynah autopost resume 1
    """

    async def work(settings: Settings, store: Store) -> Schedule:
        return await _plans(settings, store).resume(number)

    out.print(f"Schedule {number} goes on; its next time is {_next(with_store(context, work))}.")


def remove(context: typer.Context, number: Number) -> None:
    """Delete a schedule. Its drafts that were not sent yet are rejected.

    Example: mynah autopost remove 1
    """

    async def work(settings: Settings, store: Store) -> None:
        await _plans(settings, store).remove(number)

    with_store(context, work)
    out.print(f"Schedule {number} is removed; its drafts that were not sent yet are rejected.")


def _next(schedule: Schedule) -> str:
    return short_time(schedule.next_at) if schedule.next_at else "never"


def _plans(settings: Settings, store: Store) -> Plans:
    return Plans(store, settings, Catalogue(store, settings))
