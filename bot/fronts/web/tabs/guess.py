"""The guessing game: which of two posts is real? Each answer counts in the blind test of the voice."""

import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import gradio as gr

from bot import game
from bot.catalogue import Entry
from bot.fronts.web.backend import WebBackend
from bot.fronts.web.handling import explained, shown
from bot.gates import BlockList
from bot.imitator import Occasion
from data.errors import NotFoundError
from data.store import Round, Score

PLACE = "web"
POST = ["mynah-post"]  # how a post looks; see look.py
ANY = ""  # of the voices that may be played

RULES = "One of two posts is real. The other was made by an AI that imitates its writer. Which one is real?"
NONE_RELEASED = """**No posts are released for the game yet.** Real posts are shown only if their owner allows it.

- Bring your own posts and say that they may be published, then train a voice.
- On Discord, owners release theirs with `/privacy share` and `game` set to True.
"""
OVER = "This round is over: its posts were erased, or are released no more. **Next** starts another one."
THINKING = "Looking for a real post, and making one up …"
UNCHANGED: list[Any] = [gr.skip()] * 5


def guess_tab(page: gr.Blocks, backend: WebBackend) -> None:
    """The tab Guess."""
    with gr.Tab("Guess", id="guess") as here:
        none = gr.Markdown(NONE_RELEASED, visible=False)
        with gr.Column() as board:
            gr.Markdown(RULES)
            voice = gr.Dropdown(label="Voice", choices=[], filterable=True, interactive=True)
            knows = gr.Checkbox(label="I know these posts, so don't count my guesses")
            with gr.Row(equal_height=True):
                cards = [_card(f"guess-{letter}") for letter in "ab"]
            start = gr.Button("Play", variant="primary")
            outcome = gr.Markdown(elem_id="guess-outcome")
        asked = gr.State(0)  # the round's number while it may be guessed, else 0

    async def update(chosen: str | None) -> tuple[gr.Markdown, gr.Column, gr.Dropdown]:
        names = await _playable(backend)
        choices = [*([("Any of them", ANY)] if len(names) > 1 else []), *((name, name) for name in names)]
        values = [value for _, value in choices]
        value = chosen if chosen in values else next(iter(values), None)
        return gr.Markdown(visible=not names), gr.Column(visible=bool(names)), gr.Dropdown(choices, value=value)

    shown(page.load, here.select, update=update, inputs=voice, outputs=[none, board, voice])

    @explained
    async def play(chosen: str | None, request: gr.Request) -> AsyncIterator[list[Any]]:
        yield [0, THINKING, gr.Button(interactive=False), *_hidden()]
        try:
            begun = await _begin(backend, chosen or ANY, request)
            yield [begun.id, "", gr.Button("Next", interactive=True), *_open(begun)]
        except Exception:
            yield [0, "", gr.Button(interactive=True), *_hidden()]
            raise

    start.click(
        play,
        voice,
        [asked, outcome, start, *cards],
        show_progress_on=outcome,
        api_visibility="private",
        concurrency_limit=4,
    )
    for first, card in zip((True, False), cards, strict=True):
        card.click(
            _guessing(backend, first=first),
            [asked, knows],
            [asked, outcome, start, *cards],
            show_progress="hidden",
            api_visibility="private",
        )


def _card(name: str) -> gr.Button:
    """A post that can be chosen; its letter comes from look.py."""
    return gr.Button("", visible=False, elem_id=name, elem_classes=POST, min_width=260, size="lg")


def _hidden() -> list[gr.Button]:
    return [gr.Button("", visible=False), gr.Button("", visible=False)]


def _open(begun: Round) -> list[gr.Button]:
    return [gr.Button(text, visible=True, interactive=True, elem_classes=POST) for text in begun.shown]


def _solved(begun: Round) -> list[gr.Button]:
    real = [begun.real_first, not begun.real_first]
    return [gr.Button(interactive=False, elem_classes=[*POST, "mynah-real"] if one else POST) for one in real]


async def _playable(backend: WebBackend) -> list[str]:
    voices = await backend.store.voices.names()
    entries = [Entry(name, handles, ready=True) for name, handles in voices.items()]
    return sorted(entry.name for entry in await game.playable(backend.store, entries))


async def _begin(backend: WebBackend, chosen: str, request: gr.Request) -> Round:
    """Raises a MynahError where there can be no round."""
    names = await _playable(backend)
    if chosen == ANY and not names:
        raise NotFoundError("No posts are released for the game any more; open this tab again to see how to.")
    voice = await backend.voice(chosen if chosen != ANY else secrets.choice(names))
    return await game.new_round(
        backend.store,
        backend.imitator,
        voice,
        occasion=Occasion("web", _person(request), PLACE),
        block_lists=[BlockList(backend.settings.gates.block_list)],
    )


def _guessing(backend: WebBackend, *, first: bool) -> Callable[..., Any]:
    """What happens once somebody chose the first or the second post."""

    @explained
    async def guess(number: int, knows: bool, request: gr.Request) -> list[Any]:
        if not number:  # a second click, on its way while the first was answered
            return UNCHANGED
        store, person = backend.store, _person(request)
        begun = await store.game.round(number)
        row = await store.voices.get(begun.voice_key) if begun else None
        if begun is None or row is None or not await game.released(store, row.handles):
            return [0, OVER, gr.skip(), *_hidden()]  # nor may they stay on the page
        right = first == begun.real_first
        if not knows and not await store.game.vote(begun.id, person, right=right):
            return UNCHANGED  # the first of two quick clicks stands
        score = None if knows else await store.game.score(person, PLACE)
        outcome = _outcome(begun, right, score, *await store.game.blind_test(begun.voice_key))
        return [0, outcome, gr.skip(), *_solved(begun)]

    return guess


def _outcome(begun: Round, right: bool, score: Score | None, found: int, votes: int) -> str:
    """`found` of all `votes` found the real post of this voice."""
    lines = [f"### {'Right' if right else 'Wrong'}: {'A' if begun.real_first else 'B'} is the real post."]
    if score is None:
        lines.append("This guess was not counted.")
    else:
        lines.append(f"You have been right {score.right} of {_times(score.votes)}.")
    if votes:
        lines.append(
            f"Of this voice, all who played found the real post {found} of {_times(votes)}. "
            "Half means that nobody can tell."
        )
    return "\n\n".join(lines)


def _person(request: gr.Request) -> str:
    """One for each time that the page is opened in a browser."""
    return f"web:{request.session_hash}"


def _times(count: int) -> str:
    return f"{count} {'time' if count == 1 else 'times'}"
