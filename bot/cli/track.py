"""What was recorded of each training, to look at: `track`."""

import contextlib
import importlib.util
import shlex
import threading
from typing import Annotated

import typer

from bot.cli.present import out
from data.errors import NotFoundError
from data.settings import Settings
from trainer.tracking.marks import tracked_runs
from trainer.tracking.trackio_tracker import page

OFF = "Nothing is tracked, as MYNAH_TRACKING__TRACKER is none; set it to trackio, then train a voice."
NOTHING = "Nothing is tracked yet; train a voice with `mynah train HANDLE`."


def add_commands(app: typer.Typer) -> None:
    app.command("track")(track)


def track(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where on this machine the page is.")] = 7861,
) -> None:
    """Look at every training: counts of its posts, its curves, its examples. The page is there until Ctrl-C.

    Example: mynah track
    """
    settings: Settings = context.obj
    if settings.tracking.tracker == "none":
        raise NotFoundError(OFF)
    if settings.tracking.tracker == "wandb":
        _list_runs(settings)
        return
    folder = settings.tracked / "trackio"
    if not any(folder.glob("*.db")):
        raise NotFoundError(NOTHING)
    with page(folder, settings.tracking.project, port) as address:
        out.print(f"The tracked runs are at {address} until you press Ctrl-C.", soft_wrap=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


def _list_runs(settings: Settings) -> None:
    """Where each run is at Weights & Biases, or what sends it there."""
    if importlib.util.find_spec("wandb") is None:
        raise NotFoundError("Weights & Biases is not installed; install it with `pip install 'mynah[wandb]'`.")
    lines = []
    for run in tracked_runs(settings):
        here = sorted((settings.tracked / "wandb" / run.id / "wandb").glob("offline-run-*"))
        if here:
            lines.append(f"{run.name}: wandb sync {shlex.quote(str(here[-1]))}")
        elif run.where.startswith("http"):
            lines.append(f"{run.name}: {run.where}")
    if not lines:
        raise NotFoundError(NOTHING)
    print("\n".join(lines))  # plain: it must not be wrapped
