"""The page: a head that says what this is, and its tabs."""

from typing import Any

import gradio as gr

from bot.fronts.web.backend import WebBackend
from bot.fronts.web.files import OwnFilesOnly
from bot.fronts.web.handling import shown
from bot.fronts.web.leading import lead
from bot.fronts.web.tabs.bring import bring_tab
from bot.fronts.web.tabs.cards import cards_tab
from bot.fronts.web.tabs.compare import compare_tab
from bot.fronts.web.tabs.guess import guess_tab
from bot.fronts.web.tabs.operator import operator_tab
from bot.fronts.web.tabs.speak import speak_tab
from bot.fronts.web.tabs.train import train_tab

HEAD = """# Mynah
**AI parody.** Whatever a voice says here was made up by a machine that learned from posts. Nobody said it.
"""
TABS = ("bring", "train", "speak", "compare", "guess", "cards", "operator")
TEMPORARY_SECONDS = 3600  # pictures that were shown are deleted after so long


def build_page(backend: WebBackend) -> gr.Blocks:
    """The page's components and events; `serving.py` brings them to a browser."""
    page: gr.Blocks = OwnFilesOnly(
        title="Mynah", analytics_enabled=False, delete_cache=(TEMPORARY_SECONDS // 4, TEMPORARY_SECONDS)
    )
    with page:
        gr.Markdown(HEAD)
        with gr.Tabs() as tabs:
            brought = bring_tab(page, backend)
            handles, trained = train_tab(page, backend)
            voice = speak_tab(page, backend)
            compare_tab(page, backend)
            guess_tab(page, backend)
            cards_tab(page, backend)
            operator_tab(page, backend)
        lead(brought, tabs, "train", handles, backend.handles)
        for ready in trained:
            lead(ready, tabs, "speak", voice, backend.voice_names)

        async def where_to_begin(request: gr.Request) -> Any:
            """The tab that the address names; else where somebody is likely to go on.

            Whoever waits for a voice sees how far it is: a phone that slept opens the page anew by itself. Whoever
            has a voice wants to hear it; whoever has none stays, and brings posts first.
            """
            if (wanted := request.query_params.get("tab")) in TABS:
                return gr.Tabs(selected=wanted)
            if await backend.store.runs.active():
                return gr.Tabs(selected="train")
            return gr.Tabs(selected="speak") if await backend.voice_names() else gr.skip()

        shown(page.load, update=where_to_begin, outputs=tabs)
        page.queue(default_concurrency_limit=8, max_size=100)
    return page
