"""Train: ask for a voice of one handle or a blend of some, and watch its run.

What the page shows is read from the store at every tick of a timer. So it survives a reload and a phone's sleep,
and a page that is opened later shows what others began.
"""

from html import escape
from typing import Any

import gradio as gr

from bot.fronts.web.backend import OCCASION, WebBackend
from bot.fronts.web.curve import curve_html
from bot.fronts.web.handling import explained, shown
from bot.fronts.web.leading import Lead
from bot.fronts.web.run_view import RunView, curve, ended, listed, name_of, under_way
from bot.training import TrainerKeeper
from data.errors import InputError, NotFoundError, RunFailedError
from data.posts import voice_name
from data.settings import Settings
from data.store import Run
from trainer.bases import BUILTIN
from trainer.recipe import Recipe
from trainer.wish import MOST_HANDLES, Asked, ask_for_voice

WORKING_SECONDS, IDLE_SECONDS = 1.0, 5.0  # between two looks at the runs, as the page shows them
MOST_LISTED = 8  # runs
INTRODUCTION = "Choose one handle for their voice. Choose two or three to blend them into one: a cyborg."
NO_POSTS = "**There are no posts to learn from yet.** Bring some first, under Bring posts."


def train_tab(page: gr.Blocks, backend: WebBackend) -> tuple[gr.Dropdown, list[Lead]]:
    """The tab Train. Gives its choice of handles, and the buttons that lead on to speaking with a voice."""
    keeper = TrainerKeeper(backend.store, backend.settings)
    with gr.Tab("Train", id="train") as here:
        none = gr.Markdown(NO_POSTS, visible=False)
        with gr.Column() as form:
            gr.Markdown(INTRODUCTION)
            handles = gr.Dropdown(
                label="Whose voice",
                choices=[],
                multiselect=True,
                max_choices=MOST_HANDLES,
                elem_id="train-handles",
            )
            base = _base_choice(backend.settings)
            start = gr.Button("Train", variant="primary")
        said = gr.HTML(elem_id="train-said", padding=False)
        talk_again = gr.Button("Talk to it", visible=False, variant="primary")
        with gr.Column(visible=False) as panel:
            words = gr.HTML(elem_id="train-run", padding=False)
            with gr.Row():
                cancel = gr.Button("Cancel", variant="stop", visible=False)
                retry = gr.Button("Try again", visible=False)
                talk = gr.Button("Talk to it", variant="primary", visible=False)
            plot = gr.HTML(elem_id="train-plot", padding=False)
            runs = gr.Radio(label="Runs", choices=[], elem_id="train-runs")
        timer = gr.Timer(WORKING_SECONDS)
        seen = gr.State(None)  # the RunView that the browser shows, so that only what is new goes to it
        existing, ready = gr.State(""), gr.State("")  # names of voices that may be talked to

    async def update(chosen: list[str] | None) -> tuple[gr.Markdown, gr.Column, gr.Dropdown]:
        names = await backend.handles()
        value = [name for name in chosen or [] if name in names]
        return gr.Markdown(visible=not names), gr.Column(visible=bool(names)), gr.Dropdown(names, value=value)

    shown(page.load, here.select, update=update, inputs=handles, outputs=[none, form, handles])

    watched = [seen, panel, words, plot, cancel, retry, talk, ready, runs, timer]

    async def look(followed: int | None, before: RunView | None) -> list[Any]:
        return _news(await _view(backend, keeper, followed), before, followed)

    shown(page.load, here.select, timer.tick, runs.input, update=look, inputs=[runs, seen], outputs=watched)

    def name_button(chosen: list[str] | None) -> gr.Button:
        return gr.Button("Blend a cyborg" if len(chosen or []) > 1 else "Train")

    handles.change(name_button, handles, start, show_progress="hidden", api_visibility="private")
    # What was said of other handles is not of these.
    handles.input(lambda: "", None, said, show_progress="hidden", api_visibility="private")

    async def ask(names: list[str], base_name: str | None, before: RunView | None, **wish: Any) -> list[Any]:
        asked = await ask_for_voice(
            backend.store, backend.settings, names, base_name=base_name, requested_by=OCCASION.person, **wish
        )
        keeper.begin_again()
        voice = voice_name(asked.voice.record.handles) if asked.voice else ""
        news = _news(await _view(backend, keeper, asked.run.id if asked.run else None), before, None)
        return [_said(asked), gr.Button(visible=bool(voice)), voice, *news]

    asking = [said, talk_again, existing, *watched]

    @explained
    async def train(chosen: list[str] | None, base_name: str, before: RunView | None) -> list[Any]:
        if not chosen:
            raise InputError("Choose whose voice first.")
        return await ask(chosen, base_name or None, before)

    start.click(train, [handles, base, seen], asking, show_progress_on=said, api_visibility="private")

    @explained
    async def train_again(followed: int, before: RunView | None) -> list[Any]:
        run = await _run(backend, followed)
        return await ask(list(run.handles), run.base, before, profile=Recipe.from_json(run.recipe).profile)

    retry.click(train_again, [runs, seen], asking, show_progress_on=said, api_visibility="private")

    @explained
    async def end(followed: int, before: RunView | None) -> list[Any]:
        run = await _run(backend, followed)
        await backend.store.runs.cancel(run.id)
        return await look(followed, before)

    cancel.click(end, [runs, seen], watched, show_progress="hidden", api_visibility="private")
    return handles, [Lead(talk_again, existing), Lead(talk, ready)]


def _base_choice(settings: Settings) -> gr.Radio:
    """The empty value stands for the base of the settings."""
    choices = [(f"{settings.base} where it can be had, else the built-in one", "")]
    if settings.base != BUILTIN:
        choices.append(("The built-in one: small, and done in minutes on any machine", BUILTIN))
    return gr.Radio(choices, value="", label="What it starts from", visible=len(choices) > 1)


def _said(asked: Asked) -> str:
    """What came of a wish, and what there is to know about it; handles and bases hold no markup."""
    if asked.voice is not None:
        first = f"The voice of {name_of(asked.voice.record.handles)} is here already. It learned from these posts."
    else:
        first = "" if asked.created else "This voice is being trained already."
    notes = "".join(f'<p class="mynah-warning">{escape(note)}</p>' for note in asked.notes)
    return (f"<p>{first}</p>" if first else "") + notes


async def _run(backend: WebBackend, number: int) -> Run:
    """Raises NotFoundError where it was erased."""
    run = await backend.store.runs.get(number)
    if run is None:
        raise NotFoundError("This run was erased together with its posts; bring them again first.")
    return run


async def _view(backend: WebBackend, keeper: TrainerKeeper, followed: int | None) -> RunView | None:
    """The run that is followed, or the one that matters most; None where there was none yet.

    Sees to it that a trainer is there where runs wait for one.
    """
    store = backend.store
    active = await store.runs.active()
    trouble = ""
    if active:
        try:
            await keeper.look()
        except RunFailedError as error:
            trouble = str(error)
    every = [*active, *await store.runs.history(MOST_LISTED)]
    run = next((run for run in every if run.id == followed), every[0] if every else None)
    if run is None:
        return None
    places = {one.id: await store.runs.place(one.id) for one in active}
    voice = await store.voices.get(run.voice_key) if run.state == "done" else None
    is_active = run.id in places
    choices = every[:MOST_LISTED]
    if run not in choices:  # what is chosen has to be one of the choices
        choices.append(run)
    return RunView(
        run_id=run.id,
        words=under_way(run, places[run.id], trouble) if is_active else ended(run, voice),
        points=curve(run),
        steps=run.progress.get("steps", 0),
        may_cancel=is_active and not run.cancel_requested,
        may_retry=not is_active and voice is None,
        voice=voice.name if voice else "",
        listed=tuple((listed(one, places.get(one.id, 0)), one.id) for one in choices),
        at_work=bool(active),
    )


def _news(view: RunView | None, before: RunView | None, chosen: int | None) -> list[Any]:
    """For the browser, only what it does not show yet: what is sent again would flicker.

    `chosen` is the run that is chosen there; it is not sent again, as meanwhile another may be.
    """
    if view is None:
        return [None, gr.Column(visible=False), *[gr.skip()] * 7, gr.Timer(IDLE_SECONDS)]
    if view == before and chosen == view.run_id:
        return [gr.skip()] * 10
    same_curve = before is not None and (before.points, before.steps) == (view.points, view.steps)
    same_list = before is not None and before.listed == view.listed and chosen == view.run_id
    choices = list(view.listed)
    listing = gr.Radio(choices) if chosen == view.run_id else gr.Radio(choices, value=view.run_id)
    same_pace = before is not None and before.at_work == view.at_work
    return [
        view,
        gr.Column(visible=True),
        view.words,
        gr.skip() if same_curve else curve_html(view.points, view.steps),
        gr.Button(visible=view.may_cancel),
        gr.Button(visible=view.may_retry),
        gr.Button(visible=bool(view.voice)),
        view.voice,
        gr.skip() if same_list else listing,
        gr.skip() if same_pace else gr.Timer(WORKING_SECONDS if view.at_work else IDLE_SECONDS),
    ]
