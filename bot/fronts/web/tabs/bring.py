"""Bring posts."""

import gradio as gr

from bot.fronts.web.backend import WebBackend


def bring_tab(page: gr.Blocks, backend: WebBackend) -> None:
    """The tab Bring posts."""
    with gr.Tab("Bring posts", id="bring"):
        gr.Markdown("Bring posts")
