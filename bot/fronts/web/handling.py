"""How events of the page end: with a sentence where they fail, never with a traceback."""

import functools
import inspect
from collections.abc import AsyncIterator, Callable
from html import escape
from typing import Any, TypeVar, cast

import gradio as gr
import structlog

from bot.faults import broken, new_reference
from bot.fronts.web.backend import WebBackend
from data.errors import MynahError

Handler = TypeVar("Handler", bound=Callable[..., Any])

log = structlog.get_logger()


def explained(handler: Handler) -> Handler:
    """For a coroutine function, or an async generator function: its errors are shown as a sentence."""
    if inspect.isasyncgenfunction(handler):

        @functools.wraps(handler)
        async def generate(*values: Any) -> AsyncIterator[Any]:
            try:
                async for value in handler(*values):
                    yield value
            except Exception as error:
                raise _toast(error) from None

        return cast(Handler, generate)

    @functools.wraps(handler)
    async def handle(*values: Any) -> Any:
        try:
            return await handler(*values)
        except Exception as error:
            raise _toast(error) from None

    return cast(Handler, handle)


def sentence_of(error: Exception) -> str:
    """What people are told of an error, as plain text; a fault of ours is logged with the reference in it."""
    if isinstance(error, MynahError):
        return str(error)
    reference = new_reference()
    log.error("fault in the page", reference=reference, exc_info=error)
    return broken(reference)


def _toast(error: Exception) -> gr.Error:
    if isinstance(error, gr.Error):
        return error
    title = "That did not work" if isinstance(error, MynahError) else "A fault of Mynah"
    # Gradio shows it as HTML, and it may quote what somebody typed.
    return gr.Error(escape(sentence_of(error), quote=False), title=title, print_exception=False)


def shown(*events: Any, update: Callable[..., Any], outputs: Any, inputs: Any = None) -> None:
    """Whenever one of these comes to pass (`page.load`, `tab.select`), bring components up to date, unnoticed;
    `update` becomes `explained`.
    """
    gr.on(
        list(events),
        explained(update),
        inputs=inputs,
        outputs=outputs,
        show_progress="hidden",
        api_visibility="private",
    )


def voice_choice(backend: WebBackend, *events: Any, label: str = "Voice", several: bool = False) -> gr.Dropdown:
    """A dropdown of the voices; `events` bring it up to date. Where one is to be chosen, one is."""
    dropdown = gr.Dropdown(label=label, choices=[], multiselect=several, filterable=True)

    async def update(chosen: Any) -> Any:
        names = await backend.voice_names()
        kept = [name for name in ((chosen or []) if several else [chosen]) if name in names]
        if several and kept != (chosen or []):
            return gr.Dropdown(choices=names, value=kept)
        if not several and not kept:
            return gr.Dropdown(choices=names, value=next(iter(names), None))
        return gr.Dropdown(choices=names)  # a value of ours would undo what somebody chooses meanwhile

    shown(*events, update=update, inputs=dropdown, outputs=dropdown)
    return dropdown
