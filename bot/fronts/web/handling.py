"""How events of the page end: with a sentence where they fail, never with a traceback."""

import functools
import inspect
from collections.abc import AsyncIterator, Callable
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
                raise as_sentence(error) from None

        return cast(Handler, generate)

    @functools.wraps(handler)
    async def handle(*values: Any) -> Any:
        try:
            return await handler(*values)
        except Exception as error:
            raise as_sentence(error) from None

    return cast(Handler, handle)


def as_sentence(error: Exception) -> gr.Error:
    """What people are told of an error; a fault of ours is logged with the reference that they are given."""
    if isinstance(error, gr.Error):
        return error
    if isinstance(error, MynahError):
        return gr.Error(str(error), title="That did not work", print_exception=False)
    reference = new_reference()
    log.error("fault in the page", reference=reference, exc_info=error)
    return gr.Error(broken(reference), title="A fault of Mynah", print_exception=False)


def shown(*events: Any, update: Callable[..., Any], outputs: Any, inputs: Any = None) -> None:
    """Whenever one of these comes to pass (`page.load`, `tab.select`), bring components up to date, unnoticed."""
    gr.on(
        list(events),
        update,
        inputs=inputs,
        outputs=outputs,
        show_progress="hidden",
        api_visibility="private",
        queue=True,
    )


def voice_choice(backend: WebBackend, *events: Any, label: str = "Voice", several: bool = False) -> gr.Dropdown:
    """A dropdown of the voices; `events` bring it up to date. Where one is to be chosen, one is."""
    dropdown = gr.Dropdown(label=label, choices=[], multiselect=several, filterable=True)

    async def update(chosen: Any) -> Any:
        names = await backend.voice_names()
        if several:
            return gr.Dropdown(choices=names, value=[name for name in chosen or [] if name in names])
        return gr.Dropdown(choices=names, value=chosen if chosen in names else next(iter(names), None))

    shown(*events, update=update, inputs=dropdown, outputs=dropdown)
    return dropdown
