"""Guess."""

import gradio as gr

from bot.fronts.web.backend import WebBackend


def guess_tab(page: gr.Blocks, backend: WebBackend) -> None:
    """The tab Guess."""
    with gr.Tab("Guess", id="guess"):
        gr.Markdown("Guess")
