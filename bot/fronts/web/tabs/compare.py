"""Compare: two or three voices go on with the same sentence, side by side."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import gradio as gr
from markupsafe import escape

from bot.fronts.web.backend import OCCASION, WebBackend
from bot.fronts.web.handling import explained, sentence_of, shown, voice_choice
from bot.fronts.web.spoken import LONGEST_OPENING, at_work, note, refuse_long, said, spoken_html
from data.errors import InputError
from trainer.voice import EXAMPLE_OPENING, Voice

CANDIDATES = 3  # of each voice
FEWEST, MOST = 2, 3  # voices

TOO_FEW = "**Comparing takes two voices.** Open **Train** to make another one."


def compare_tab(page: gr.Blocks, backend: WebBackend) -> None:
    """The tab Compare."""
    with gr.Tab("Compare", id="compare") as here:
        too_few = gr.Markdown(TOO_FEW, visible=False)
        with gr.Column() as board:
            voices = voice_choice(backend, page.load, here.select, label="Two or three voices", several=True)
            opening = gr.Textbox(
                EXAMPLE_OPENING,
                label="Start of the sentence",
                placeholder="Leave it empty, and each begins by itself",
                max_length=LONGEST_OPENING,
                max_lines=3,
            )
            compare = gr.Button("Compare", variant="primary")
            spoken = spoken_html("compared")

    async def update() -> tuple[gr.Markdown, gr.Column]:
        enough = len(await backend.voice_names()) >= FEWEST
        return gr.Markdown(visible=not enough), gr.Column(visible=enough)

    shown(page.load, here.select, update=update, outputs=[too_few, board])

    @explained
    async def speak(names: Sequence[str] | None, opening: str) -> AsyncIterator[tuple[Any, ...]]:
        names = list(dict.fromkeys(names or []))
        if not FEWEST <= len(names) <= MOST:
            raise InputError("Choose two or three voices.")
        refuse_long(opening)
        chosen = [await backend.voice(name) for name in names]
        yield at_work(backend, *chosen), gr.Button(interactive=False)
        yield _side_by_side(chosen, await _heard(backend, chosen, opening)), gr.Button(interactive=True)

    gr.on(
        [compare.click, opening.submit],
        speak,
        [voices, opening],
        [spoken, compare],
        show_progress="hidden",
        api_visibility="private",
    )


async def _heard(backend: WebBackend, voices: Sequence[Voice], opening: str) -> list[str]:
    """What each voice said; of one that could not speak, why. The others speak all the same."""

    async def hear(voice: Voice) -> str:
        try:
            replies = await backend.imitator.continue_opening(voice, opening, CANDIDATES, occasion=OCCASION)
        except Exception as error:
            return note(sentence_of(error))
        return said(voice.record.handles, replies)

    return await asyncio.gather(*map(hear, voices))


def _side_by_side(voices: Sequence[Voice], heard: Sequence[str]) -> str:
    sides = (
        f"<section><h3>{escape(voice.record.name)}</h3>{words}</section>"
        for voice, words in zip(voices, heard, strict=True)
    )
    return f'<div class="sides">{"".join(sides)}</div>'
