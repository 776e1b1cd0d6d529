"""Who asks, in an event of the page: the operator or a stranger."""

import gradio as gr

from bot.fronts.web.backend import WebBackend
from data.errors import RefusedError


def is_operator(backend: WebBackend, request: gr.Request) -> bool:
    """Whether the browser behind an event has signed in; an event without a browser has not."""
    return request.request is not None and backend.doors.is_operator(request.request)


def refuse_stranger(backend: WebBackend, request: gr.Request) -> None:
    """Raises RefusedError, with what to do, unless the browser behind an event has signed in."""
    if request.request is None:
        raise RefusedError("Sign in first, under Operator.")
    backend.doors.refuse_stranger(request.request)
