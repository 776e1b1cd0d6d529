"""Ways from one tab to the next: a button opens another tab with something chosen there already."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import gradio as gr

from bot.fronts.web.handling import explained


@dataclass(frozen=True)
class Lead:
    """A tab's button that leads on, and the name that it takes along: of a handle or a voice."""

    button: gr.Button
    name: gr.State


def lead(
    start: Lead, tabs: gr.Tabs, to: str, choice: gr.Dropdown, names: Callable[[], Awaitable[list[str]]]
) -> None:
    """A press on the button opens the tab whose id is `to`, with the name chosen of `names` in its dropdown."""

    @explained
    async def follow(name: str) -> tuple[gr.Tabs, gr.Dropdown]:
        there = await names()
        chosen = [name] if name in there else []  # it may have been erased meanwhile
        value = chosen if choice.multiselect else next(iter(chosen or there), None)
        return gr.Tabs(selected=to), gr.Dropdown(choices=there, value=value)

    start.button.click(follow, start.name, [tabs, choice], show_progress="hidden", api_visibility="private")
