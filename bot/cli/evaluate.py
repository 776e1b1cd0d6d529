"""How good voices are, in numbers: `evaluate`."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from bot.cli.present import err, out, print_json
from bot.cli.session import JsonOption, with_store
from bot.cli.speak import open_shelf
from bot.training import find_voice
from data.errors import NotFoundError
from data.settings import Settings
from data.store import Store

if TYPE_CHECKING:
    from bot.quality.evaluation import Evaluation


def add_commands(app: typer.Typer) -> None:
    app.command("evaluate")(evaluate)


def evaluate(
    context: typer.Context,
    handles: Annotated[list[str], typer.Argument(help="Voices' names in `mynah voices`, best of several people.")],
    candidates: Annotated[int, typer.Option(min=20, max=5000, help="Posts drawn of each voice.")] = 200,
    seed: Annotated[int, typer.Option(min=0, max=2**30, help="The same seed draws the same again.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="Write a picture of it, PNG, to this file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure voices on posts that they never saw: how well they foresee them, and whose their own posts seem.

    What is found stands from then on in each voice's card.

    Example: mynah evaluate some_one another_one --plot quality.png
    """
    if not (find_spec("sklearn") and find_spec("sacrebleu")):
        raise NotFoundError(
            "This needs scikit-learn and sacrebleu; install them with `pip install 'mynah[evaluate]'`."
        )
    # Here, because no other command needs the tokenizer, the pictures and the arrays behind them.
    from bot.cli import evaluation_report
    from bot.quality.evaluating import evaluate_voices
    from bot.quality.plot import quality_plot

    async def work(settings: Settings, store: Store) -> "Evaluation":
        found = [await find_voice(store, settings, name) for name in handles]
        voices = list({voice.record.key: voice for voice in found}.values())
        with err.status("Reading the posts") as status:
            async with open_shelf(settings) as shelf:
                return await evaluate_voices(
                    store,
                    settings,
                    shelf,
                    voices,
                    candidates=candidates,
                    seed=seed,
                    note=lambda sentence: err.print(f"[yellow]![/] {escape(sentence)}"),
                    progress=lambda words: status.update(escape(words)),
                )

    evaluation = with_store(context, work)
    if plot is not None:
        plot.write_bytes(quality_plot(evaluation))
    if as_json:
        print_json(evaluation_report.to_json(evaluation))
        return
    evaluation_report.show(evaluation)
    if plot is not None:
        out.print(f"[green]✓[/] The picture is in {escape(str(plot))}.")
