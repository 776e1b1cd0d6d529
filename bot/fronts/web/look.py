"""How the page looks: our colours, fonts that every machine has, and nothing fetched from anywhere else."""

import gradio as gr

CSS = """
.gradio-container { max-width: 60rem !important; margin: 0 auto !important; }
.mynah-note { opacity: .75; font-size: .9rem; }
"""


def theme() -> gr.themes.Base:
    """Gradio's own fonts would come from a server of Google's."""
    return gr.themes.Soft(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
