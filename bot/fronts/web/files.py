"""Which files events of the page may be handed: those that were uploaded to it, and no others.

Gradio takes the path of a file from whoever asks. Of a page inside another server it would copy any file of this
machine to where it can be fetched, and download any address, before a handler of ours sees it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

ELSEWHERE = "Only a file that was uploaded here can be used; choose it again."


class OwnFilesOnly(gr.Blocks):
    """A page whose events refuse, with a sentence, each file that is not among its uploads."""

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *rest: Any, **named: Any) -> Any:
        """The values that a handler gets for what a browser sent."""
        if not all(map(_is_uploaded, _paths(inputs))):
            raise gr.Error(ELSEWHERE, title="That did not work", print_exception=False)
        return await super().preprocess_data(block_fn, inputs, *rest, **named)


def _paths(sent: Any) -> Iterator[Any]:
    """All that gradio could take for the path of a file."""
    if isinstance(sent, dict):
        if "path" in sent:
            yield sent["path"]
        sent = list(sent.values())
    if isinstance(sent, list):
        for part in sent:
            yield from _paths(part)


def _is_uploaded(path: Any) -> bool:
    try:
        return Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve())
    except (TypeError, ValueError, OSError):  # no path at all
        return False
