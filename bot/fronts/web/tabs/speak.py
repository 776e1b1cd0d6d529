"""Speak."""

import gradio as gr

from bot.fronts.web.backend import WebBackend


def speak_tab(page: gr.Blocks, backend: WebBackend) -> None:
    """The tab Speak."""
    with gr.Tab("Speak", id="speak"):
        gr.Markdown("Speak")
