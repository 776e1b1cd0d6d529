"""Operator: what is posted, when, and what it costs; for whoever has signed in.

What nobody but the operator may see reaches a browser only after it has signed in: until then every component here
is empty. Each event asks for itself who it is, as hidden components protect nothing.
"""

import gradio as gr

from bot.fronts.web.backend import WebBackend
from bot.fronts.web.doors import SIGN_IN, SIGN_OUT
from bot.fronts.web.handling import shown
from bot.fronts.web.operating import is_operator
from bot.fronts.web.tabs.approvals import approvals_tab
from bot.fronts.web.tabs.schedule import schedule_tab
from bot.fronts.web.tabs.spending import spending_tab

BUTTON = (
    "display: inline-block; padding: .5rem 1rem; border: 0; border-radius: .5rem; font: inherit; cursor: pointer; "
)
STRANGER = f"""<p>Here the operator decides what is posted on X and Bluesky, and sees what it costs.</p>
<p><a href="{SIGN_IN}" style="{BUTTON}background: var(--button-primary-background-fill);
color: var(--button-primary-text-color); text-decoration: none">Sign in</a></p>"""
LOCKED = """<p>Here the operator decides what is posted on X and Bluesky, and sees what it costs.
It takes a password, and none is set.</p>
<p>Put this into the file <code>.env</code>, with a password of your own, and start Mynah again:</p>
<pre>MYNAH_WEB__PASSWORD=...</pre>"""
SIGNED_IN = f"""<form method="post" action="{SIGN_OUT}" style="display: flex; align-items: center; gap: 1rem;
justify-content: flex-end"><span>You are signed in.</span>
<button style="{BUTTON}background: var(--button-secondary-background-fill);
color: var(--button-secondary-text-color)">Sign out</button></form>"""
DRY_RUN = "**A dry run** (`MYNAH_DRY_RUN`): nothing is sent. What comes to its turn is rejected instead."


def operator_tab(page: gr.Blocks, backend: WebBackend) -> None:
    """The tab Operator."""
    with gr.Tab("Operator", id="operator") as here:
        with gr.Column() as outside:
            gr.HTML(STRANGER if backend.doors.has_password else LOCKED)
        with gr.Column(visible=False) as inside:
            gr.HTML(SIGNED_IN, padding=False)
            gr.Markdown(DRY_RUN, visible=backend.settings.dry_run)
            with gr.Tabs():
                approvals_tab(page, here, backend)
                schedule_tab(page, here, backend)
                spending_tab(page, here, backend)

        async def who_is_there(request: gr.Request) -> tuple[gr.Column, gr.Column]:
            signed_in = is_operator(backend, request)
            return gr.Column(visible=not signed_in), gr.Column(visible=signed_in)

        shown(page.load, here.select, update=who_is_there, outputs=[outside, inside])
