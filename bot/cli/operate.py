"""The processes and their care: `trainer`, `run`, `pretrain`, `doctor`, `demo`."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bot.cli.corpora import show_collected
from bot.cli.fronts import has_front, serve_fronts
from bot.cli.present import err, out, print_json, tuning_bar
from bot.cli.session import JsonOption, with_store
from bot.cli.speak import newest_voice, open_imitator
from bot.cli.voices import describe, finished_voice, show_result
from bot.cli.web import open_page, web_address
from bot.doctor import examine
from bot.fronts.terminal import TerminalFront
from bot.imitator import Imitator
from bot.supervise import trainer_process, until_sigterm
from data.collect import collect
from data.errors import InputError, NotFoundError
from data.samples import SAMPLES
from data.settings import Settings
from data.store import Store
from trainer.bases import BUILTIN, resolve_base
from trainer.wish import ask_for_voice

DEMO_VOICE = "lampkeeper_ode"
DEMO_MENTIONS = (
    "How is the fog tonight?",
    "What does the gull think of you?",
    "Any news from the boat?",
)


def add_commands(app: typer.Typer) -> None:
    app.command("trainer")(trainer)
    app.command("run")(run)
    app.command("pretrain")(pretrain)
    app.command("doctor")(doctor)
    app.command("demo")(demo)


def trainer(
    context: typer.Context,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when the queue is empty.")] = False,
) -> None:
    """Work through the queue of runs until stopped. Several may run at once.

    Example: mynah trainer
    """
    from trainer.worker import serve  # the trainer's imports are nobody else's

    asyncio.run(serve(context.obj, until_idle=until_idle))


def run(context: typer.Context) -> None:
    """Bot and trainer together: a trainer is kept running beside the fronts, or without any the terminal chat.

    Example: mynah run
    """

    async def work(settings: Settings, store: Store) -> None:
        async with until_sigterm(), trainer_process():
            if has_front(settings):
                await serve_fronts(settings, store)
            else:
                await _chat_with_newest(settings, store)

    with_store(context, work)


async def _chat_with_newest(settings: Settings, store: Store) -> None:
    if not sys.stdin.isatty():
        out.print("The trainer is running; stop it with Ctrl-C or SIGTERM.")
        await asyncio.Event().wait()
    try:
        voice = await newest_voice(store, settings)
    except NotFoundError as error:
        out.print(f"{error} The trainer is running; stop it with Ctrl-C.")
        await asyncio.Event().wait()
        raise
    async with open_imitator(settings, store) as imitator:
        await TerminalFront(out, imitator, voice).chat()


def pretrain(
    context: typer.Context,
    posts: Annotated[list[Path], typer.Option("--posts", help="Short texts: .txt, .jsonl or .jsonl.zst.")],
    folder: Annotated[Path, typer.Argument(help="Where the base and its checkpoints go.")],
    prose: Annotated[list[Path] | None, typer.Option("--prose", help="Long texts, in the same formats.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="A base to go on from: builtin, a folder or a hub id.")
    ] = None,
    posts_share: Annotated[float, typer.Option(min=0.01, max=1.0, help="Share of posts in each batch.")] = 0.9,
    minutes: Annotated[float, typer.Option(min=0.01, help="Time spent learning; resumed runs add up.")] = 60.0,
    learning_rate: Annotated[
        float | None,
        typer.Option(min=1e-6, help="At its height; by itself 0.003, and lower for a base that reads on."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed and machine give the same base.")] = 0,
) -> None:
    """Train a small base (tokenizer and GPT-2) from text files, or let one read more; run it again after a stop.

    Example: mynah pretrain my-base --posts posts.jsonl --prose books.txt --minutes 60
    """
    from trainer.base_text import TextSource
    from trainer.pretrain import PretrainPlan, pretrain  # torch

    prose = prose or []
    for file in [*posts, *prose]:
        if not file.is_file():
            raise InputError(f"There is no file '{file}'; give text as .txt, .jsonl or .jsonl.zst.")
    share = (posts_share if prose else 1.0) / len(posts)
    # A third of the posts stand after what they are about, so that a voice can be asked for a post on something.
    sources = [TextSource(file, share * 2 / 3) for file in posts]
    sources += [TextSource(file, share / 3, with_topics=True) for file in posts]
    sources += [TextSource(file, (1 - posts_share) / len(prose)) for file in prose]
    plan = PretrainPlan(tuple(sources), minutes, seed=seed)
    if start is not None:
        plan = plan.going_on_from(resolve_base(start))
    if learning_rate is not None:
        plan = replace(plan, learning_rate=learning_rate)

    def measured(point: dict[str, float]) -> None:
        bits = ", ".join(f"{name} {point[name]:.3f}" for name in point if name not in ("step", "seconds"))
        err.print(f"After {point['seconds'] / 60:.0f} minutes, in bits per byte of held-out text: {escape(bits)}")

    with tuning_bar() as bar:
        task = bar.add_task("Preparing", total=1.0)
        base = pretrain(
            plan,
            folder,
            lambda sentence, share: bar.update(task, description=sentence, completed=share),
            measured,
        )
    name = escape(str(base))
    out.print(f"[green]✓[/] The base is in {name}; use it with `mynah train HANDLE --base {name}`.")


def doctor(
    context: typer.Context,
    quick: Annotated[bool, typer.Option("--quick", help="Only home, store and trainer: a health check.")] = False,
    expect_trainer: Annotated[
        bool, typer.Option("--expect-trainer", help="Fail where no trainer is running.")
    ] = False,
    sign_in: Annotated[
        bool, typer.Option("--sign-in", help="Also try the keys of X and Bluesky; X charges $0.01 for that.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Test everything a set-up needs, and say what to do about each finding.

    Example: mynah doctor
    """
    findings = asyncio.run(examine(context.obj, quick=quick, expect_trainer=expect_trainer, sign_in=sign_in))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        marks = {"ok": "[green]✓[/]", "note": "[yellow]![/]", "fail": "[red]✗[/]"}
        for finding in findings:
            out.print(f"{marks[finding.state]} [bold]{finding.check}[/]: {escape(finding.found)}")
            if finding.advice:
                out.print(f"  → {escape(finding.advice)}")
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(1)


def demo(context: typer.Context) -> None:
    """The whole way once: import the two sample archives, train a voice before your eyes, talk to it.

    Example: mynah demo
    """

    async def work(settings: Settings, store: Store) -> None:
        out.print("[bold]1.[/] Importing the two bundled archives. Both accounts are fictional.")
        for path in SAMPLES.values():
            show_collected(
                await collect(store, path, bounds=settings.imports, consent="bundled sample", may_publish=True)
            )
        out.print(f"[bold]2.[/] Training the voice of @{DEMO_VOICE} from the built-in base.")
        asked = await ask_for_voice(store, settings, [DEMO_VOICE], base_name=BUILTIN)
        voice = await finished_voice(store, settings, asked)
        show_result({**describe(voice), "created": asked.created})
        out.print("[bold]3.[/] Talking to it.")
        async with open_imitator(settings, store) as imitator:
            front = TerminalFront(out, imitator, voice)
            if sys.stdin.isatty() and sys.stdout.isatty():
                async with _page_beside(settings, store, imitator):
                    await front.chat()
            else:
                await front.answer_all(DEMO_MENTIONS)
                out.print(f"The same in the browser: run `mynah web`, which opens {web_address(settings)}.")

    with_store(context, work)
    err.print("Bring your own posts next: `mynah import PATH`.")


@contextlib.asynccontextmanager
async def _page_beside(settings: Settings, store: Store, imitator: Imitator) -> AsyncIterator[None]:
    """The page, where its address is free: the demo goes on without it."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            address = await stack.enter_async_context(open_page(settings, store, imitator))
            out.print(f"   The same in the browser, as long as you talk here: {address}", soft_wrap=True)
        except InputError as error:
            out.print(f"   Not in the browser: {escape(str(error))}", soft_wrap=True)
        yield
