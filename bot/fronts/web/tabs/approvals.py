"""Approvals: drafts that wait for the operator, and what became of those that do not any more."""

import html
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from textwrap import shorten
from typing import Any

import gradio as gr
from jinja2 import Environment

from bot.autopost.label import account_settings, labelled_for
from bot.fronts.web.backend import OPERATOR, WebBackend
from bot.fronts.web.draft_words import address, outcome
from bot.fronts.web.handling import explained, shown
from bot.fronts.web.operating import is_operator, refuse_stranger
from data.errors import RefusedError
from data.posts import PLATFORMS
from data.store import Draft
from data.store.draft import ENDED, OPEN

LOOK_SECONDS = 3.0
KEPT = timedelta(days=7)  # so long what has ended is shown
SEATS = 8  # for drafts that wait; more wait behind them
MOST_SHOWN = 20  # of the others
LONGEST_PROMPT = 280  # characters of what a draft answers

NONE_WAIT = "Nothing waits for you. Drafts come here from schedules that ask first."

_QUEUE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""
{% for draft, sentence, address in drafts %}
<div style="padding: .6rem 0; border-bottom: 1px solid var(--border-color-primary); overflow-wrap: anywhere">
<div class="mynah-note">{{ draft.id }} · {{ draft.voice }} · {{ moment(draft.changed_at) }}</div>
{% if draft.text %}<div style="white-space: pre-wrap">{{ draft.sent or draft.text }}</div>{% endif %}
<div>{{ sentence }}{% if address %}
<a style="color: inherit" href="{{ address }}" target="_blank" rel="noopener noreferrer">Look at it</a>
{% endif %}</div></div>
{% else %}
<p>Nothing is on its way, and nothing ended this week.</p>
{% endfor %}""")

Decide = Callable[[Draft, str], Awaitable[str]]


@dataclass(frozen=True)
class _Seat:
    """Where a draft is shown for as long as it waits; others may come and go beside it."""

    draft: gr.State  # of Draft; None where it is free, and for strangers
    card: gr.Group
    head: gr.HTML
    text: gr.Textbox

    @property
    def shown(self) -> list[Any]:
        return [self.card, self.head, self.text]


def approvals_tab(page: gr.Blocks, operator: gr.Tab, backend: WebBackend) -> None:
    """The inner tab Approvals."""
    with gr.Tab("Approvals", id="approvals") as here:
        seats, buttons = zip(*(_seat() for _ in range(SEATS)), strict=True)
        waiting = gr.Markdown()
        gr.Markdown("### On their way, and this week's")
        queue = gr.HTML()
        clock = gr.Timer(LOOK_SECONDS, active=False)
    drafts = [seat.draft for seat in seats]
    outputs = [*drafts, *(part for seat in seats for part in seat.shown), waiting, queue]

    async def look(request: gr.Request, *before: Draft | None) -> list[Any]:
        signed_in = is_operator(backend, request)
        looks = await _look(backend, before) if signed_in else [*_seated(backend, before, []), "", ""]
        return [*looks, gr.Timer(active=signed_in)]

    def event(decide: Decide, place: int) -> Callable[..., Any]:
        """What a button under a draft does."""

        @explained
        async def handle(request: gr.Request, text: str, *before: Draft | None) -> list[Any]:
            refuse_stranger(backend, request)
            draft = before[place]
            current = await backend.store.drafts.get(draft.id) if draft else None
            if draft is None or current is None or (current.state, current.text) != (draft.state, draft.text):
                raise RefusedError("That draft has changed meanwhile; look at it again.")
            gr.Info(html.escape(await decide(draft, text)), title=f"Draft {draft.id}")
            return await _look(backend, before)

        return handle

    decisions = _decisions(backend)
    for place, (seat, row) in enumerate(zip(seats, buttons, strict=True)):
        for name, button in row.items():
            button.click(
                event(decisions[name], place),
                [seat.text, *drafts],
                outputs,
                show_progress="hidden",  # which would lie over every card, and stay there after an error
                api_visibility="private",
            )
    events = (page.load, operator.select, here.select, clock.tick)
    shown(*events, update=look, inputs=drafts, outputs=[*outputs, clock])


def _seat() -> tuple[_Seat, dict[str, gr.Button]]:
    """A free one, and the buttons under its draft by name."""
    draft: gr.State = gr.State()
    with gr.Group(visible=False) as card:
        head = gr.HTML(padding=True)
        text = gr.Textbox(label="Text", lines=3, max_lines=12, interactive=True)
        with gr.Row():
            looks = {"Approve": "primary", "Save": "secondary", "Another": "secondary", "Reject": "stop"}
            buttons = {
                name: gr.Button(name, variant=variant, size="sm", min_width=70)  # type: ignore[arg-type]
                for name, variant in looks.items()
            }
    return _Seat(draft, card, head, text), buttons


def _decisions(backend: WebBackend) -> dict[str, Decide]:
    """By the names of their buttons; each gives what is then said about it."""
    desk = backend.desk

    async def edit(draft: Draft, text: str) -> Draft:
        gr.Info("Comparing it with what was said before.", title=f"Draft {draft.id}", duration=2)
        return await desk.edit(draft.id, text)

    async def approve(draft: Draft, text: str) -> str:
        if text.strip() != draft.text:  # what is read is what goes out
            await edit(draft, text)
        return outcome(await desk.approve(draft.id, OPERATOR, seen=text.strip()))

    async def save(draft: Draft, text: str) -> str:
        return f"Saved. {outcome(await edit(draft, text))}"

    async def another(draft: Draft, text: str) -> str:
        await desk.another(draft.id)
        return "The voice looks for other words as soon as `mynah bot` or `mynah run` gets to it."

    async def reject(draft: Draft, text: str) -> str:
        await desk.reject(draft.id, OPERATOR)
        return "It never goes out."

    return {"Approve": approve, "Save": save, "Another": another, "Reject": reject}


async def _look(backend: WebBackend, before: Sequence[Draft | None]) -> list[Any]:
    drafts = await backend.store.drafts.in_state("draft")
    words = "" if drafts else NONE_WAIT
    if len(drafts) > SEATS:
        words = f"{len(drafts) - SEATS} more wait behind these."
    return [*_seated(backend, before, drafts), words, await _queue(backend)]


def _seated(backend: WebBackend, before: Sequence[Draft | None], drafts: Sequence[Draft]) -> list[Any]:
    """Who sits where from now on, then what changes on the cards: nothing, where somebody may be typing."""
    waiting = {draft.id: draft for draft in drafts}
    stayed = [waiting.pop(draft.id, None) if draft else None for draft in before]
    behind = iter(waiting.values())
    after = [draft or next(behind, None) for draft in stayed]
    looks: list[Any] = []
    for old, new in zip(before, after, strict=True):
        if new is None:
            looks += [gr.Group(visible=False), "", gr.Textbox("", info=None)]
        elif old is not None and (old.id, old.text) == (new.id, new.text):
            looks += [gr.skip()] * 3
        else:
            text = gr.Textbox(new.text, label=f"Text of draft {new.id}", info=_length(backend, new))
            looks += [gr.Group(visible=True), _head(new), text]
    return [*after, *looks]


async def _queue(backend: WebBackend) -> str:
    """What is on its way and what ended lately, newest first."""
    lately = await backend.store.drafts.changed_since(datetime.now(UTC) - KEPT)
    drafts = [
        *await backend.store.drafts.in_state(*(state for state in OPEN if state != "draft")),
        *(draft for draft in lately if draft.state in ENDED),
    ]
    drafts = sorted(drafts, key=lambda draft: draft.changed_at, reverse=True)[:MOST_SHOWN]
    return _QUEUE.render(drafts=[(draft, outcome(draft), address(draft)) for draft in drafts], moment=_moment)


def _head(draft: Draft) -> str:
    head = f"{draft.voice} on {PLATFORMS[draft.platform]}, since {_moment(draft.since)}"
    asked = f"In answer to “{shorten(draft.prompt, LONGEST_PROMPT)}”" if draft.reply_to else ""
    return f"<strong>{draft.id}</strong> {html.escape(head)}" + (f"<br>{html.escape(asked)}" if asked else "")


def _length(backend: WebBackend, draft: Draft) -> str:
    """As it would be sent; empty where its platform is not set up."""
    platform = backend.platforms.get(draft.platform)
    if platform is None:
        return ""
    length = platform.length(labelled_for(account_settings(backend.settings, draft.platform), draft.text))
    return f"{length} of {platform.longest} characters with the label, which is added by itself."


def _moment(moment: datetime) -> str:
    """In the time zone of this machine."""
    return moment.astimezone().strftime("%a %d %b, %H:%M")
