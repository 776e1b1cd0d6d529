"""Operator."""

import gradio as gr

from bot.fronts.web.backend import WebBackend


def operator_tab(page: gr.Blocks, backend: WebBackend) -> None:
    """The tab Operator."""
    with gr.Tab("Operator", id="operator"):
        gr.Markdown("Operator")
