"""Voices are made and looked after: `train`, `voices`, `runs`, `cancel`."""

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape

from bot.cli.corpora import ProfileOption
from bot.cli.present import err, out, print_json, print_table, short_time, tuning_bar
from bot.cli.session import JsonOption, with_store
from bot.training import wait_for_voice
from data.errors import NotFoundError
from data.posts import voice_name
from data.settings import Settings
from data.store import Run, Store
from trainer.voice import Voice
from trainer.wish import Asked, ask_for_voice


def add_commands(app: typer.Typer) -> None:
    app.command("train")(train)
    app.command("voices")(list_voices)
    app.command("runs")(list_runs)
    app.command("cancel")(cancel)


def train(
    context: typer.Context,
    handles: Annotated[list[str], typer.Argument(help="One handle for a bot, two or three for a cyborg.")],
    base: Annotated[str | None, typer.Option(help="gpt2, another hub id, a folder, or builtin.")] = None,
    profile: ProfileOption = "default",
    detach: Annotated[bool, typer.Option("--detach", help="Queue the run and return at once.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a voice, or reuse it where the same one exists.

    Example: mynah train @some_one --base builtin
    """

    async def work(settings: Settings, store: Store) -> dict[str, Any]:
        asked = await ask_for_voice(store, settings, handles, base_name=base, profile=profile)
        for note in asked.notes:
            err.print(f"[yellow]![/] {escape(note)}")
        if asked.run is not None and detach:
            return {"run": asked.run.id, "state": asked.run.state, "created": asked.created}
        voice = await finished_voice(store, settings, asked)
        return {"run": asked.run.id if asked.run else None, "created": asked.created, **describe(voice)}

    result = with_store(context, work)
    if as_json:
        print_json(result)
    elif detach and "name" not in result:
        out.print(
            f"Run {result['run']} is queued; see it with `mynah runs`. A trainer works on it: `mynah trainer`."
        )
    else:
        show_result(result)
        out.print(f"  → Talk to it with `mynah chat {result['name']}`.")


async def finished_voice(store: Store, settings: Settings, asked: Asked) -> Voice:
    """Follow the run with a live bar until its voice is there; a voice that exists is returned at once."""
    if asked.voice is not None:
        return asked.voice
    assert asked.run is not None
    name = " + ".join(f"@{handle}" for handle in asked.run.handles)
    with tuning_bar() as bar:
        task = bar.add_task(f"{name} waits for the trainer", total=None)

        told = 0

        def show(run: Run, place: int) -> None:
            nonlocal told
            progress = run.progress
            if progress and not err.is_terminal:  # a log wants a line now and then, not a bar
                quarter = 4 * progress["step"] // progress["steps"]
                if quarter > told:
                    told = quarter
                    err.print(
                        f"tuning {name}: {quarter * 25}%, loss {progress['loss']:.2f}, held-out loss "
                        f"{progress['held_out_loss']:.2f}, {progress['eta_seconds']:.0f} s left"
                    )
            if run.state == "queued":
                bar.update(task, description=f"{name}: place {place} in the queue")
            elif progress:
                bar.update(
                    task,
                    description=f"Tuning {name}",
                    completed=progress["step"],
                    total=progress["steps"],
                    loss=progress["loss"],
                    held_out_loss=progress["held_out_loss"],
                )
            else:
                bar.update(task, description=f"{name}: reading the posts, loading the base")
            if run.state == "done":
                bar.update(task, completed=bar.tasks[task].total)

        try:
            return await wait_for_voice(store, settings, asked.run, show)
        except BaseException as error:
            bar.stop()
            if not isinstance(error, Exception):
                err.print(f"The training goes on in the background; `mynah cancel {asked.run.id}` ends it.")
            raise


def describe(voice: Voice) -> dict[str, Any]:
    """A voice for programs."""
    record = voice.record
    return {
        "name": record.name,
        "key": record.key,
        "handles": list(record.handles),
        "base": record.base,
        "method": record.method,
        "profile": record.recipe.profile,
        "held_out_loss_before": record.held_out_loss_before,
        "held_out_loss": record.held_out_loss,
        "posts": record.posts,
        "seconds": record.seconds,
        "created_at": record.created_at,
    }


def show_result(result: dict[str, Any]) -> None:
    """One line on a voice that is ready."""
    did = "is ready" if result["created"] else "was there already"
    out.print(
        f"[green]✓[/] The voice [bold]{result['name']}[/] {did}: {result['posts']:,} posts, "
        f"{result['seconds']:.0f} s, held-out loss {result['held_out_loss_before']:.2f} before and "
        f"{result['held_out_loss']:.2f} after."
    )


def list_voices(context: typer.Context, as_json: JsonOption = False) -> None:
    """Every voice that can speak, newest first.

    Example: mynah voices
    """

    async def work(settings: Settings, store: Store) -> list[Voice]:
        found = []
        for row in sorted(await store.voices.all(), key=lambda row: row.created_at, reverse=True):
            try:
                found.append(Voice.from_folder(settings.voices / row.key))
            except NotFoundError as error:
                err.print(f"[yellow]![/] {escape(str(error))}")
        return found

    voices = [describe(voice) for voice in with_store(context, work)]
    if as_json:
        print_json(voices)
    elif not voices:
        out.print("No voices yet; make one with `mynah train HANDLE`, or try `mynah demo`.")
    else:
        columns = ("name", "base", "posts", "loss before", "loss", "made")
        rows = [
            (
                voice["name"],
                voice["base"],
                voice["posts"],
                voice["held_out_loss_before"] or "-",  # of a pulled voice nobody here knows
                voice["held_out_loss"] or "-",
                short_time(datetime.fromisoformat(voice["created_at"])),
            )
            for voice in voices
        ]
        print_table("Voices", columns, rows)


def list_runs(context: typer.Context, as_json: JsonOption = False) -> None:
    """What the trainer does, has done and is going to do, newest first.

    Example: mynah runs
    """

    async def work(settings: Settings, store: Store) -> list[Run]:
        return [*reversed(await store.runs.active()), *await store.runs.history()]

    runs = with_store(context, work)
    if as_json:
        print_json(
            [
                {
                    "run": run.id,
                    "handles": list(run.handles),
                    "base": run.base,
                    "state": run.state,
                    "attempts": run.attempts,
                    "progress": run.progress,
                    "error": run.error,
                    "created_at": run.created_at,
                    "finished_at": run.finished_at,
                }
                for run in runs
            ]
        )
    elif not runs:
        out.print("No runs yet; `mynah train HANDLE` queues one.")
    else:
        print_table(
            "Runs",
            ("run", "handles", "base", "state", "progress", "asked for"),
            (
                (run.id, voice_name(run.handles), run.base, run.state, _share(run), short_time(run.created_at))
                for run in runs
            ),
        )
        for run in runs:
            if run.error:
                out.print(f"  Run {run.id}: {escape(run.error)}")


def _share(run: Run) -> str:
    if not run.progress:
        return ""
    return f"{run.progress['step'] / run.progress['steps']:.0%}"


def cancel(
    context: typer.Context, run: Annotated[int, typer.Argument(help="The run's number in `mynah runs`.")]
) -> None:
    """Take a run out of the queue, or end it within two seconds.

    Example: mynah cancel 3
    """

    async def work(settings: Settings, store: Store) -> Run | None:
        return await store.runs.cancel(run)

    cancelled = with_store(context, work)
    if cancelled is None:
        raise NotFoundError(f"There is no run {run}; see `mynah runs`.")
    if cancelled.state in ("done", "failed"):
        out.print(f"Run {run} had ended already: {cancelled.state}.")
    elif cancelled.state == "running":
        out.print(f"Run {run} ends as soon as its trainer hears of it.")
    else:
        out.print(f"Run {run} is cancelled.")
