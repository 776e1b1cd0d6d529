"""Speak: a voice goes on with a sentence, ten times over, or answers what it is asked."""

from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from bot.fronts.web.backend import OCCASION, WebBackend
from bot.fronts.web.chat import chat
from bot.fronts.web.handling import explained, shown, voice_choice
from bot.fronts.web.picture_panel import picture_panel
from bot.fronts.web.post_panel import post_panel
from bot.fronts.web.spoken import HIDE, LONGEST_OPENING, at_work, refuse_long, said, spoken_html
from trainer.voice import EXAMPLE_OPENING

CANDIDATES = 10
EXAMPLES = (EXAMPLE_OPENING, "The best thing about rain", "Nobody ever tells you that", "Today I learned")

NO_VOICE = "**No voice can speak yet.** Open **Bring posts** first, then **Train**."


def speak_tab(page: gr.Blocks, backend: WebBackend) -> gr.Dropdown:
    """The tab Speak; gives its choice of a voice, so that other tabs can hand one over."""
    with gr.Tab("Speak", id="speak") as here:
        nobody = gr.Markdown(NO_VOICE, visible=False)
        with gr.Column() as board:
            voice = voice_choice(backend, page.load, here.select)
            with gr.Tabs():
                with gr.Tab("Continue a sentence"):
                    _continuing(backend, voice)
                with gr.Tab("Answer me"):
                    chat(backend, voice)

    async def update() -> tuple[gr.Markdown, gr.Column]:
        anybody = bool(await backend.voice_names())
        return gr.Markdown(visible=not anybody), gr.Column(visible=anybody)

    shown(page.load, here.select, update=update, outputs=[nobody, board])
    return voice


def _continuing(backend: WebBackend, voice: gr.Dropdown) -> None:
    opening = gr.Textbox(
        EXAMPLE_OPENING,
        label="Start of the sentence",
        placeholder="Leave it empty, and the voice begins by itself",
        max_length=LONGEST_OPENING,
        lines=1,
        max_lines=3,
    )
    gr.Examples([[example] for example in EXAMPLES], opening, label="For example", api_visibility="private")
    speak = gr.Button("Speak", variant="primary")
    spoken = spoken_html("spoken")

    @explained
    async def propose(name: str | None, opening: str) -> AsyncIterator[tuple[Any, ...]]:
        refuse_long(opening)
        voice = await backend.voice(name)
        yield at_work(backend, voice), gr.Button(interactive=False)
        try:
            proposal = await backend.imitator.propose(voice, opening, CANDIDATES, occasion=OCCASION)
        except Exception:
            yield "", gr.Button(interactive=True)
            raise
        words = said(voice.record.handles, proposal.replies, proposal.rejected, passing_on=True)
        yield words, gr.Button(interactive=True)

    gr.on(
        [speak.click, opening.submit],
        propose,
        [voice, opening],
        [spoken, speak],
        show_progress="hidden",
        api_visibility="private",
    )
    picture, post = picture_panel(backend, spoken), post_panel(backend, spoken)
    # One sheet at a time: the other goes when one is opened.
    spoken.post(None, None, picture, js=HIDE, api_visibility="private")
    spoken.picture(None, None, post, js=HIDE, api_visibility="private")
