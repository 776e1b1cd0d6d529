"""Cards."""

import gradio as gr

from bot.fronts.web.backend import WebBackend


def cards_tab(page: gr.Blocks, backend: WebBackend) -> None:
    """The tab Cards."""
    with gr.Tab("Cards", id="cards"):
        gr.Markdown("Cards")
