"""Train."""

import gradio as gr

from bot.fronts.web.backend import WebBackend


def train_tab(page: gr.Blocks, backend: WebBackend) -> None:
    """The tab Train."""
    with gr.Tab("Train", id="train"):
        gr.Markdown("Train")
