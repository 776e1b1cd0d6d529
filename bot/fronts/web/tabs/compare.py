"""Compare."""

import gradio as gr

from bot.fronts.web.backend import WebBackend


def compare_tab(page: gr.Blocks, backend: WebBackend) -> None:
    """The tab Compare."""
    with gr.Tab("Compare", id="compare"):
        gr.Markdown("Compare")
