"""A sheet over the page with the picture of what a voice said: light or dark, to look at and to download."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from bot.fronts.web.backend import WebBackend
from bot.fronts.web.handling import explained
from bot.fronts.web.spoken import HIDE, on_record
from bot.picture import alt_text, share_picture, split_at_opening
from data.store import Reply, VoiceRow

LIGHT, DARK = "Light", "Dark"
WORDS_IN_NAME, LONGEST_NAME = 6, 200  # bytes; most file systems take 255


def picture_panel(backend: WebBackend, said: gr.HTML) -> gr.Column:
    """The sheet, opened by Share picture in `said`, a `spoken_html`."""
    asked = gr.State(0)  # the reply's number
    sheet: gr.Column = gr.Column(visible=False, elem_classes="mynah-sheet", elem_id=f"{said.elem_id}-picture")
    with sheet:
        picture = gr.Image(
            show_label=False, interactive=False, buttons=["fullscreen"], type="filepath", height="auto"
        )
        ground = gr.Radio([LIGHT, DARK], value=LIGHT, label="Background", show_label=False, container=False)
        with gr.Row():
            close = gr.Button("Close", min_width=120)
            download = gr.DownloadButton("Download", variant="primary", min_width=120, interactive=False)

    @explained
    async def show(ground: str, event: gr.EventData) -> AsyncIterator[tuple[Any, ...]]:
        # An old picture must not be taken for the new one while that is drawn.
        yield event.reply, gr.Column(visible=True), None, gr.DownloadButton(interactive=False)
        try:
            yield event.reply, gr.skip(), *await draw(event.reply, ground)
        except Exception:
            yield 0, gr.Column(visible=False), None, gr.skip()
            raise

    @explained
    async def draw(number: Any, ground: str) -> tuple[gr.Image, gr.DownloadButton]:
        reply, row = await on_record(backend, number)
        path = await asyncio.to_thread(_draw, reply, row, ground == DARK, picture.GRADIO_CACHE)
        shown = gr.Image(path, alt_text=alt_text(row.handles, reply.text))
        return shown, gr.DownloadButton(value=path, interactive=True)

    said.picture(
        show, ground, [asked, sheet, picture, download], show_progress_on=picture, api_visibility="private"
    )
    ground.input(
        draw,
        [asked, ground],
        [picture, download],
        show_progress_on=picture,
        trigger_mode="always_last",  # two quick choices: the last one is shown
        api_visibility="private",
    )
    close.click(None, None, sheet, js=HIDE, api_visibility="private")
    return sheet


def _draw(reply: Reply, row: VoiceRow, dark: bool, folder: str) -> str:
    """Gives the path of the PNG, among the files that page.py has deleted after a while."""
    drawn = share_picture((), row.handles, *split_at_opening(reply.text, reply.prompt), dark=dark)
    return str(save_bytes_to_cache(drawn, file_name(row.name, reply.text), folder))


def file_name(voice: str, text: str) -> str:
    """Whose and what: `mynah-some_one-my-dream-is-a-boat.png`."""
    words = re.findall(r"\w+", text.lower())[:WORDS_IN_NAME]
    name = "-".join(["mynah", voice, *words])
    return name.encode()[:LONGEST_NAME].decode(errors="ignore") + ".png"
