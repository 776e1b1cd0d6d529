"""Bring posts: a file comes in, becomes counts that a person can check, and leads on to a voice."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from html import escape
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from bot.fronts.web.backend import WebBackend
from bot.fronts.web.handling import explained, shown
from bot.fronts.web.leading import Lead
from bot.importing import GIVEN, OWN, in_thread, scratch_folder
from data.collect import Collected, collect
from data.corpus import check_size
from data.errors import InputError, MynahError, TooLittleDataError
from data.posts import normalise_handle
from data.store import Added, Store
from trainer.card import REASONS, SOURCES

INTRODUCTION = """Mynah learns from a file of somebody's posts. It stays on this machine.

- **An archive** that X, Bluesky, Mastodon or Discord gave you, just as it was downloaded.
- **A list of your own**: JSON, JSON Lines or CSV with a column `text`.
"""
WORDS = {"own": OWN, "given": GIVEN}
KEPT: list[Any] = [gr.skip()] * 3  # of what was said about a file
# The page's own bound is checked in the browser, for gradio has no words for what to do; the server keeps it too.
TOO_LARGE = """
() => {
  const refuse = (event) => {
    if (!event.target.closest?.("#bring-file")) return;
    const file = (event.dataTransfer ?? event.target).files?.[0];
    const words = document.getElementById("bring-too-large");
    words.textContent = "";
    if (!file || file.size <= LIMIT * 1048576) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.type === "change") event.target.value = "";
    const size = Math.ceil(file.size / 1048576).toLocaleString("en");
    words.textContent = `${file.name} has ${size} MB and this page takes LIMIT; of an archive of X, zip ` +
      "just data/tweets.js and data/account.js, or bring the file with “mynah import” in a terminal.";
  };
  for (const type of ["change", "drop"]) window.addEventListener(type, refuse, true);
}
"""


def bring_tab(page: gr.Blocks, backend: WebBackend) -> Lead:
    """The tab Bring posts. Gives its button that leads on to training, with the handle that was brought."""
    limit = backend.settings.web.max_upload_mb
    with gr.Tab("Bring posts", id="bring") as here:
        gr.Markdown(INTRODUCTION)
        file = gr.File(label=f"File, at most {limit:,} MB", height=160, elem_id="bring-file")
        gr.HTML('<p id="bring-too-large" class="mynah-wrong" role="alert"></p>', padding=False)
        word = gr.Radio(
            [("These are my own posts", "own"), ("Their owner gave them to me for this", "given")],
            label="Who allows this?",
            info="It is kept with the posts.",
        )
        handle = gr.Textbox(
            label="Handle",
            placeholder="@some_one",
            info="Only needed where the file doesn't say whose posts it holds.",
        )
        may_publish = gr.Checkbox(
            label="A voice of these posts may be published",
            info="Say so only if their owner does.",
        )
        take = gr.Button("Import", variant="primary")
        receipt = gr.HTML(elem_id="bring-receipt", padding=False)
        train = gr.Button("Train a voice", variant="primary", visible=False)
        brought = gr.State("")
        gr.Markdown("### Whose posts are here")
        corpora = gr.HTML(elem_id="bring-corpora", padding=False)

    async def list_corpora() -> str:
        return await _corpora(backend.store)

    shown(page.load, here.select, update=list_corpora, outputs=corpora)
    page.load(None, js=TOO_LARGE.replace("LIMIT", json.dumps(limit)), api_visibility="private")

    @explained
    async def take_over(
        upload: str | None,
        word: Literal["own", "given"] | None,
        handle: str,
        may_publish: bool,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how gradio is told to hand one over
    ) -> AsyncIterator[list[Any]]:
        if upload is None:
            raise InputError("Choose a file first.")
        if word is None:
            raise InputError(
                "Say first whose word allows this: are these posts your own, or were they given to you?"
            )
        wanted = normalise_handle(handle) if handle.strip() else None

        def show(done: int, total: int) -> None:
            progress((done, total), desc="Reading", unit="bytes")

        # The file leaves the page's folder at once, and the disk at the end, whatever happens.
        async with scratch_folder(backend.settings) as folder:
            path = await asyncio.to_thread(_move, Path(upload), folder)
            yield [None, _at_work(path.name), gr.Button(visible=False), "", gr.skip(), *KEPT]

            async def work(store: Store) -> Collected:
                return await collect(
                    store,
                    path,
                    bounds=backend.settings.imports,
                    handle=wanted,
                    consent=WORDS[word],
                    may_publish=may_publish,
                    progress=show,
                )

            try:
                collected = await in_thread(backend.settings, work)
            except MynahError as error:  # it stays to be read: by then people may look elsewhere
                yield [gr.skip(), _failure(error), gr.skip(), gr.skip(), gr.skip(), *KEPT]
                return
        name = collected.corpus.handle
        words, enough = _receipt(collected)
        next_step = gr.Button(f"Train a voice of @{name}", visible=enough)
        # Nobody's word on one file says anything about the next.
        yield [gr.skip(), words, next_step, name, await _corpora(backend.store), None, "", False]

    take.click(
        take_over,
        [file, word, handle, may_publish],
        [file, receipt, train, brought, corpora, word, handle, may_publish],
        show_progress_on=receipt,
        concurrency_limit=1,  # reading takes a core
        api_visibility="private",
    )
    return Lead(train, brought)


def _move(upload: Path, folder: Path) -> Path:
    """Raises InputError where the page has deleted the upload meanwhile."""
    try:
        return Path(shutil.move(upload, folder / upload.name))
    except FileNotFoundError:
        raise InputError("The page does not keep files for long; choose the file once more.") from None


def _at_work(name: str) -> str:
    return f'<p class="mynah-note">Reading {escape(name)} …</p>'


def _failure(error: MynahError) -> str:
    sentence = str(error).replace("--handle", "“Handle”")  # written for the terminal as well
    return (
        f'<p class="mynah-wrong" role="alert">{escape(sentence)}</p>'
        '<p class="mynah-note">Nothing was imported. To try again, choose the file again.</p>'
    )


def _receipt(collected: Collected) -> tuple[str, bool]:
    """The counts as a sum that a person can check, and whether there is enough to train a voice of."""
    corpus, counts, added = collected.corpus, collected.corpus.counts, collected.added
    short = [(f"&minus; {escape(REASONS[reason])}", count) for reason, count in counts.breakdown.items()]
    rows = [
        ("Downloaded", counts.downloaded),
        ("&minus; retweets", counts.retweets),
        *(short or [("&minus; too few words", 0)]),
        ("= kept, to learn from", counts.kept),
    ]
    cells = "".join(f"<tr><th>{words}</th><td>{count:,}</td></tr>" for words, count in rows)
    came = f"{_posts(added.new)} new{_besides(added)}, from {escape(_source(collected.provenance.source))}."
    parts = [
        f"<h3>@{escape(corpus.handle)}</h3><p>{came}</p>",
        f'<table class="mynah-sum">{cells}</table>',
        f'<p class="mynah-note">{corpus.characters:,} characters to learn from. The sum is over all that is here '
        "of this handle.</p>",
    ]
    if collected.skipped:
        left = ", ".join(f"{count:,} {reason}" for reason, count in collected.skipped.items())
        parts.append(f"<p>Not read: {escape(left)}.</p>")
    try:
        warning = check_size(corpus)
    except TooLittleDataError as error:
        return "".join([*parts, f'<p class="mynah-wrong">{escape(str(error))}</p>']), False
    if warning:
        parts.append(f'<p class="mynah-warning">{escape(warning)}</p>')
    return "".join(parts), True


def _posts(count: int) -> str:
    return f"{count:,} {'post' if count == 1 else 'posts'}"


def _besides(added: Added) -> str:
    """What else an import did."""
    changed = f", {added.changed:,} changed" if added.changed else ""
    return changed + (f", {added.same:,} here already" if added.same else "")


async def _corpora(store: Store) -> str:
    """A table of all handles, or what to do where there is none."""
    rows = []
    for summary in await store.posts.summaries():
        origins = dict.fromkeys(origin.source for origin in await store.posts.imports(summary.handle))
        rows.append(
            f'<tr><td>@{escape(summary.handle)}</td><td class="number">{summary.downloaded:,}</td>'
            f'<td class="number">{summary.kept:,}</td><td>{escape("; ".join(map(_source, origins)))}</td></tr>'
        )
    if not rows:
        return '<p class="mynah-note">Nobody\'s yet. Choose a file above.</p>'
    return (
        '<table class="mynah-table"><thead><tr><th>handle</th><th class="number">downloaded</th>'
        f'<th class="number">kept</th><th>from</th></tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _source(key: str) -> str:
    """Where posts came from, in words."""
    return SOURCES.get(key, key)
