"""Posts come in, are listed, and go: `import`, `corpora`, `forget`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from bot.cli.present import err, out, print_json, print_table, reading_bar
from bot.cli.session import JsonOption, with_store
from bot.cli.timelines import Source, import_timeline
from bot.erasing import LeftOnHubError, erase
from bot.importing import OWN
from data.collect import Collected, collect
from data.corpus import Profile, check_size
from data.errors import InputError
from data.posts import normalise_handle
from data.settings import Settings
from data.sources import SOURCES
from data.store import Store

ProfileOption = Annotated[
    Profile, typer.Option(help="default cleans more; reference counts exactly as huggingtweets did.")
]


def add_commands(app: typer.Typer) -> None:
    app.command("import")(import_posts)
    app.command("corpora")(list_corpora)
    app.command("forget")(forget)


def import_posts(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="PATH|@HANDLE",
            help="An archive (X, Bluesky, Mastodon, Discord), JSONL or CSV; or with --from an account.",
        ),
    ],
    origin: Annotated[
        Source | None, typer.Option("--from", help="Read the account's timeline there, page by page.")
    ] = None,
    handle: Annotated[str | None, typer.Option(help="Whose posts these are, where the file doesn't say.")] = None,
    profile: ProfileOption = "default",
    file_format: Annotated[
        str | None, typer.Option("--format", help=f"Skip the detection: {', '.join(SOURCES)}.")
    ] = None,
    consent: Annotated[
        str, typer.Option(help="By whose word these posts may be learned from; kept with the corpus.")
    ] = "",
    may_publish: Annotated[
        bool, typer.Option("--may-publish", help="The owner lets a voice of these posts be published.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before money is spent.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring somebody's posts, with their consent. Importing again adds only what is new.

    Example: mynah import twitter-2026-11-01.zip

    Example: mynah import @name.bsky.social --from bluesky
    """
    path = Path(source)
    if origin is not None:
        if not source.startswith("@"):
            raise InputError(
                f"--from reads an account, so give one as in @some_one; '{source}' is taken for a file, which "
                "needs no --from."
            )
        if handle is not None or file_format is not None:
            raise InputError("--handle and --format are about files; an account read by --from has both already.")
        collected = import_timeline(
            context, source, origin, profile=profile, consent=consent, may_publish=may_publish, yes=yes
        )
    elif source.startswith("@") and not path.exists():
        raise InputError(
            f"Where does {source} post? Read it by `mynah import {source} --from x` or `--from bluesky`, or give "
            "the path of a file."
        )
    else:
        collected = _import_file(context, path, handle, file_format, profile, consent, may_publish)
    if as_json:
        print_json(collected.to_json())
    else:
        show_collected(collected)
    warning = check_size(collected.corpus)
    if warning:
        err.print(f"[yellow]![/] {warning}")
    if not as_json:
        out.print(f"  → Train a voice with `mynah train {collected.corpus.handle}`.")


def _import_file(
    context: typer.Context,
    path: Path,
    handle: str | None,
    file_format: str | None,
    profile: Profile,
    consent: str,
    may_publish: bool,
) -> Collected:
    async def work(settings: Settings, store: Store) -> Collected:
        with reading_bar() as bar:
            task = bar.add_task(f"Reading {escape(path.name)}", total=None)
            return await collect(
                store,
                path,
                bounds=settings.imports,
                handle=handle,
                source=file_format,
                profile=profile,
                consent=consent or OWN,
                may_publish=may_publish,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )

    return with_store(context, work)


def show_collected(collected: Collected) -> None:
    """The counts as a sum that a person can check."""
    corpus, counts = collected.corpus, collected.corpus.counts
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.breakdown.items())
    reasons = f"  ({reasons})" if counts.breakdown.keys() - {"short"} else ""
    changed = f", {collected.added.changed:,} changed" if collected.added.changed else ""
    out.print(f"[bold]@{corpus.handle}[/]  {collected.provenance.source}: {collected.added.new:,} new{changed}")
    out.print(f"  downloaded {counts.downloaded:>8,}")
    out.print(f"  retweets   {-counts.retweets:>8,}")
    out.print(f"  short      {-counts.short:>8,}" + reasons)
    out.print(f"  kept       {counts.kept:>8,}  ({corpus.characters:,} characters)")
    if collected.skipped:
        left = ", ".join(f"{count:,} {reason}" for reason, count in collected.skipped.items())
        out.print(f"  not read: {left}")


def list_corpora(context: typer.Context, as_json: JsonOption = False) -> None:
    """Whose posts are here, and where they came from.

    Example: mynah corpora --json
    """

    async def work(settings: Settings, store: Store) -> list[dict[str, Any]]:
        return [
            {
                **asdict(summary),
                "provenance": [asdict(origin) for origin in await store.posts.imports(summary.handle)],
            }
            for summary in await store.posts.summaries()
        ]

    rows = with_store(context, work)
    if as_json:
        print_json(rows)
    elif not rows:
        out.print("No posts yet; bring some with `mynah import PATH`, or try `mynah demo`.")
    else:
        for row in rows:
            row["from"] = ", ".join(dict.fromkeys(origin["source"] for origin in row["provenance"]))
        columns = ("handle", "downloaded", "kept", "characters", "from")
        print_table("Corpora", columns, ([row[column] for column in columns] for row in rows))


def forget(
    context: typer.Context,
    handle: Annotated[str, typer.Argument(help="Whose posts, voices, runs and replies to erase.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Erase a person: posts, voices (cyborgs too, on the model hub as well), runs, replies. Prints a receipt.

    Example: mynah forget @some_one
    """
    name = normalise_handle(handle)
    if not yes:
        typer.confirm(f"Erase everything of @{name}?", abort=True, err=True)

    async def work(settings: Settings, store: Store) -> tuple[dict[str, int], LeftOnHubError | None]:
        try:
            forgotten = await erase(store, settings, name)
        except LeftOnHubError as error:
            return error.forgotten.counts, error
        await store.consent.erased(name)
        return forgotten.counts, None

    receipt, left = with_store(context, work)
    if as_json:
        print_json({"handle": name, **receipt})
    else:
        deleted = ", ".join(f"{table} {count:,}" for table, count in receipt.items() if count)
        out.print(f"@{name} is forgotten. Erased: {deleted or 'nothing was there'}.")
    if left is not None:
        raise left
