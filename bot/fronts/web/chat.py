"""A short talk with a voice: it answers, and the last few turns tell it what the talk is about."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from jinja2 import Environment

from bot.fronts.label import label_of
from bot.fronts.web.backend import OCCASION, WebBackend
from bot.fronts.web.handling import explained
from bot.fronts.web.spoken import LONGEST_OPENING, at_work, named, refuse_long, spoken_html
from data.errors import NothingToSayError

REMEMBERED_TURNS = 3
SHOWN_TURNS = 50

_TURNS = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""
<div role="log">
{% for turn in turns %}
<div class="turn asked"><p dir="auto">{{ turn.mention }}</p></div>
{% if turn.answer %}
<div class="turn"><p class="label">{{ name }} (AI)</p><p dir="auto">{{ turn.answer }}</p>
<div class="actions"><button type="button" data-copy="{{ turn.answer }}\n({{ label }})">Copy</button></div></div>
{% elif turn.silence %}
<div class="turn"><p class="note">{{ turn.silence }}</p></div>
{% endif %}
{% endfor %}
</div>
""")


@dataclass(frozen=True)
class Turn:
    """What somebody said to a voice, and its answer, or why it has none; neither while it thinks."""

    mention: str
    answer: str = ""
    silence: str = ""


def chat(backend: WebBackend, voice: gr.Dropdown) -> None:
    """Talk to the voice that is chosen; another choice begins another talk."""
    turns: gr.State = gr.State(())
    spoken = spoken_html("answers")
    mention = gr.Textbox(
        label="Say something to it",
        placeholder="What did you see from the window today?",
        max_length=LONGEST_OPENING,
        max_lines=3,
    )
    with gr.Row():
        begin_anew = gr.Button("Start over", min_width=120)
        send = gr.Button("Send", variant="primary", min_width=120)

    @explained
    async def answer(name: str | None, mention: str, turns: Sequence[Turn]) -> AsyncIterator[tuple[Any, ...]]:
        mention = mention.strip()
        if not mention:
            yield gr.skip(), gr.skip(), gr.skip(), gr.skip()
            return
        refuse_long(mention)
        voice = await backend.voice(name)

        def render(turns: Sequence[Turn]) -> str:
            label = label_of(named(voice.record.handles))
            return _TURNS.render(turns=turns, name=voice.record.name, label=label)

        thinking = render([*turns, Turn(mention)]) + at_work(backend, voice)
        yield turns, thinking, "", gr.Button(interactive=False)
        try:
            reply = await backend.imitator.answer(voice, mention, occasion=OCCASION, context=_context(turns))
            turn = Turn(mention, answer=reply.text)
        except NothingToSayError as error:
            turn = Turn(mention, silence=str(error))
        except Exception:
            yield turns, render(turns), mention, gr.Button(interactive=True)
            raise
        turns = (*turns, turn)[-SHOWN_TURNS:]
        yield turns, render(turns), gr.skip(), gr.Button(interactive=True)

    answering = gr.on(
        [send.click, mention.submit],
        answer,
        [voice, mention, turns],
        [turns, spoken, mention, send],
        show_progress="hidden",
        api_visibility="private",
    )

    @explained
    async def forget() -> tuple[tuple[()], str, gr.Button]:
        return (), "", gr.Button(interactive=True)

    gr.on(
        [begin_anew.click, voice.change],
        forget,
        outputs=[turns, spoken, send],
        cancels=answering,  # what comes late would stand in another talk
        show_progress="hidden",
        api_visibility="private",
    )


def _context(turns: Sequence[Turn]) -> list[str]:
    """What was said in the last turns, oldest first."""
    return [text for turn in turns[-REMEMBERED_TURNS:] for text in (turn.mention, turn.answer) if text]
