"""A sheet over the page where the operator sends what a voice said to X or Bluesky."""

from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from bot.autopost.label import account_settings, labelled_for
from bot.fronts.web.backend import WebBackend
from bot.fronts.web.doors import SIGN_IN
from bot.fronts.web.handling import explained
from bot.fronts.web.operating import is_operator, refuse_stranger
from bot.fronts.web.posting import post
from bot.fronts.web.spoken import HIDE, on_record
from data.errors import RefusedError
from data.posts import PLATFORMS

NO_PASSWORD = "Posting takes a password: set `MYNAH_WEB__PASSWORD` and start the page again."  # noqa: S105 - none
STRANGER = f"Only the operator posts: [sign in]({SIGN_IN}), then press Post again."
NO_PLATFORM = "No account is set up to post from: give Mynah the keys of X or Bluesky, as the README says."


def post_panel(backend: WebBackend, said: gr.HTML) -> gr.Column:
    """The sheet, opened by Post in `said`, a `spoken_html`."""
    asked = gr.State(0)  # the reply's number
    platforms = [(PLATFORMS[name], name) for name in backend.platforms]
    sheet: gr.Column = gr.Column(visible=False, elem_classes="mynah-sheet", elem_id=f"{said.elem_id}-post")
    with sheet:
        hindrance = gr.Markdown()
        with gr.Column(visible=False) as form:
            where = gr.Radio(platforms, value=platforms[0][1] if platforms else None, label="Post it on")
            text = gr.Textbox(label="Exactly this goes out", interactive=False, lines=3, max_lines=8)
        outcome = gr.Textbox(visible=False, interactive=False, max_lines=8)  # its label is what was to go out
        with gr.Row():
            close = gr.Button("Close", min_width=120)
            send = gr.Button("Post now", variant="primary", min_width=120, visible=False)

    @explained
    async def show(where: str | None, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        why_not = _hindrance(backend, request)
        goes_out = await preview(event.reply, where) if not why_not else ""
        return (
            event.reply,
            gr.Column(visible=True),
            gr.Markdown(why_not, visible=bool(why_not)),
            gr.Column(visible=not why_not),
            goes_out,
            gr.Textbox(visible=False),
            gr.Button("Post now", visible=not why_not, interactive=True),
        )

    @explained
    async def preview(number: Any, where: str | None) -> str:
        reply, _ = await on_record(backend, number)
        return labelled_for(account_settings(backend.settings, where or ""), reply.text)

    @explained
    async def publish(number: Any, where: str | None, request: gr.Request) -> AsyncIterator[tuple[Any, ...]]:
        refuse_stranger(backend, request)
        reply, row = await on_record(backend, number)
        if where is None or where not in backend.platforms:
            raise RefusedError(NO_PLATFORM)
        yield gr.skip(), gr.Textbox(visible=False), gr.Button("Posting …", interactive=False)
        try:
            told = await post(backend, row.name, where, reply.text)
        except Exception:
            yield gr.skip(), gr.skip(), gr.Button("Post now", interactive=True)
            raise
        # Meanwhile the sheet may show another reply.
        about_this = gr.Textbox(told, label=reply.text, visible=True)
        yield gr.Column(visible=False), about_this, gr.Button(visible=False)

    said.post(
        show,
        where,
        [asked, sheet, hindrance, form, text, outcome, send],
        show_progress="hidden",
        api_visibility="private",
    )
    where.input(
        preview,
        [asked, where],
        text,
        show_progress="hidden",
        trigger_mode="always_last",  # what is read must be what is chosen
        api_visibility="private",
    )
    send.click(publish, [asked, where], [form, outcome, send], show_progress="hidden", api_visibility="private")
    close.click(None, None, sheet, js=HIDE, api_visibility="private")
    return sheet


def _hindrance(backend: WebBackend, request: gr.Request) -> str:
    """Why this browser can't post, as Markdown; empty where it can."""
    if not backend.doors.has_password:
        return NO_PASSWORD
    if not is_operator(backend, request):
        return STRANGER
    return "" if backend.platforms else NO_PLATFORM
