"""Schedule: when which voice posts where, and whether the platforms' rules for bots are confirmed."""

import html
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import gradio as gr

from bot.autopost.checklist import CHECKLISTS, confirmed, subject
from bot.autopost.timing import Timing
from bot.cli.accounts import chosen_platform
from bot.fronts.web.backend import OPERATOR, WebBackend
from bot.fronts.web.handling import explained, shown, voice_choice
from bot.fronts.web.operating import is_operator, refuse_stranger
from bot.spending import forecast
from data.errors import InputError, RefusedError
from data.posts import PLATFORMS
from data.settings import Settings
from data.store import Schedule

NO_SCHEDULES = "No schedules yet."


@dataclass(frozen=True)
class _Row:
    """A schedule as it is shown; schedules themselves can't be compared by gradio."""

    number: int
    paused: bool
    head: str
    about: str


def schedule_tab(page: gr.Blocks, operator: gr.Tab, backend: WebBackend) -> None:
    """The inner tab Schedule."""
    with gr.Tab("Schedule", id="schedule") as here:
        events = (page.load, operator.select, here.select)
        platforms = [platform for platform in PLATFORMS if getattr(backend.settings, platform).ready]
        if not platforms:
            gr.Markdown(_nowhere(backend.settings))
        for platform in platforms:
            _rules(platform, backend, *events)
        rows = _schedules(backend, *events)
        if platforms:
            _new_schedule(platforms, rows, backend, *events)


def _nowhere(settings: Settings) -> str:
    try:
        chosen_platform(settings, None)
    except InputError as error:
        return str(error)
    return ""


def _rules(platform: str, backend: WebBackend, *events: Any) -> None:
    """The checklist of a platform, open until it is confirmed."""
    name, rules = PLATFORMS[platform], CHECKLISTS[platform]
    with gr.Accordion(f"Rules of {name} for bots", open=False) as drawer:
        standing = gr.Markdown()
        with gr.Column(visible=False) as open_rules:
            boxes = [gr.Checkbox(label=rule.holds, info=rule.how, interactive=True) for rule in rules]
            confirm = gr.Button("Confirm", variant="primary")
        revoke = gr.Button("Take it back", visible=False)
    outputs = [drawer, standing, open_rules, revoke]

    async def standing_now() -> tuple[gr.Accordion, str, gr.Column, gr.Button]:
        known = await confirmed(backend.store, platform)
        if known is None:
            words = f"Nothing is posted on {name} before you confirm that all of this holds. Tick what is so."
        else:
            since = known[1].astimezone().strftime("%d %b %Y")
            words = f"Confirmed on {since}: Mynah may post on {name}."
        title = f"Rules of {name} for bots: {'confirmed' if known else 'not confirmed yet'}"
        return (
            gr.Accordion(label=title, open=known is None),
            words,
            gr.Column(visible=known is None),
            gr.Button(visible=known is not None),
        )

    async def look(request: gr.Request) -> Any:
        if not is_operator(backend, request):
            return gr.Accordion(open=False), "", gr.Column(visible=False), gr.Button(visible=False)
        return await standing_now()

    @explained
    async def say_yes(request: gr.Request, *ticked: bool) -> Any:
        refuse_stranger(backend, request)
        missing = [rule.name for rule, is_so in zip(rules, ticked, strict=True) if not is_so]
        if missing:
            raise RefusedError(
                f"Nothing is posted on {name} before all of it holds; see to: {', '.join(missing)}."
            )
        await backend.store.standing.confirm(subject(platform), OPERATOR)
        return await standing_now()

    @explained
    async def take_back(request: gr.Request) -> Any:
        refuse_stranger(backend, request)
        await backend.store.standing.revoke(subject(platform))
        return await standing_now()

    shown(*events, update=look, outputs=outputs)
    confirm.click(say_yes, boxes, outputs, show_progress="hidden", api_visibility="private")
    revoke.click(take_back, None, outputs, show_progress="hidden", api_visibility="private")


def _schedules(backend: WebBackend, *events: Any) -> gr.State:
    """A card for each; gives the state that holds them."""
    rows: gr.State = gr.State()  # of _Row; None for strangers

    async def look(request: gr.Request) -> list[_Row] | None:
        return await _rows(backend) if is_operator(backend, request) else None

    def event(change: Callable[[int], Awaitable[Any]], number: int) -> Callable[..., Any]:
        @explained
        async def handle(request: gr.Request) -> list[_Row]:
            refuse_stranger(backend, request)
            await change(number)
            return await _rows(backend)

        return handle

    def button(name: str, change: Callable[[int], Awaitable[Any]], row: _Row, **looks: Any) -> gr.Button:
        made = gr.Button(name, size="sm", min_width=90, **looks)
        made.click(
            event(change, row.number),
            None,
            rows,
            show_progress="hidden",
            api_visibility="private",
            key=(row.number, row.paused, name),
        )
        return made

    # gradio's decorator has no types
    @gr.render(inputs=rows, triggers=[rows.change], show_progress="hidden")  # type: ignore[untyped-decorator]
    def put_up(shown_rows: list[_Row] | None) -> None:
        if shown_rows is None:
            return
        if not shown_rows:
            gr.Markdown(NO_SCHEDULES)
        for row in shown_rows:
            with gr.Group():
                gr.HTML(
                    f"<strong>{row.number}</strong> {html.escape(row.head)}<br>{html.escape(row.about)}",
                    padding=True,
                )
                with gr.Row():
                    if row.paused:
                        button("Resume", backend.plans.resume, row)
                    else:
                        button("Pause", backend.plans.pause, row)
                    ask = gr.Button("Remove", size="sm", min_width=90)
                    sure = button("Remove for good", backend.plans.remove, row, variant="stop", visible=False)
                    ask.click(
                        _instead,
                        None,
                        [ask, sure],
                        show_progress="hidden",
                        api_visibility="private",
                        key=(row.number, "ask"),
                        queue=False,
                    )

    shown(*events, update=look, outputs=rows)
    return rows


async def _instead() -> tuple[gr.Button, gr.Button]:
    """A first click shows the button that does it; it changes nothing, so it asks nobody who it is."""
    return gr.Button(visible=False), gr.Button(visible=True)


def _new_schedule(platforms: list[str], rows: gr.State, backend: WebBackend, *events: Any) -> None:
    with gr.Accordion("New schedule", open=False):
        with gr.Row():
            voice = voice_choice(backend, *events)
            platform = gr.Radio([(PLATFORMS[name], name) for name in platforms], value=platforms[0], label="Where")
        with gr.Row():
            every = gr.Textbox(label="How often", placeholder="6h", info="Such as 90m, 6h or 2d.")
            cron = gr.Textbox(
                label="Or at set times",
                placeholder="0 9 * * 1-5",
                info="A cron expression: minute, hour, day, month, weekday.",
            )
        with gr.Row():
            between = gr.Textbox(label="Between", placeholder="08:00-22:00", info="Empty: all day.")
            jitter = gr.Textbox(label="Later by up to", placeholder="20m", info="By chance. Empty: on the dot.")
            timezone = gr.Textbox(
                label="Time zone", placeholder="Europe/Berlin", info="Whose clocks count. Empty: this machine's."
            )
        opening = gr.Textbox(
            label="Opening", placeholder="The best thing about rain", info="How each post begins."
        )
        approve = gr.Checkbox(True, label="Ask me before each post")
        add = gr.Button("Add", variant="primary")
        added = gr.Textbox(label="Added", visible=False, interactive=False, lines=2)

    @explained
    async def add_it(
        voice: str | None,
        platform: str,
        every: str,
        cron: str,
        between: str,
        jitter: str,
        timezone: str,
        opening: str,
        approve: bool,
        request: gr.Request,
    ) -> tuple[list[_Row], gr.Textbox]:
        refuse_stranger(backend, request)
        timing = Timing.from_words(cron=cron, every=every, between=between, jitter=jitter, timezone=timezone)
        made = await backend.plans.add(
            (await backend.voice(voice)).record.name,
            platform,
            timing,
            prompt=opening,
            approve=approve,
            person=OPERATOR,
        )
        first = f"Schedule {made.id} first posts {_time(made)}, if `mynah bot` or `mynah run` runs then."
        cost = forecast(backend.settings.spending, platform, timing)
        return await _rows(backend), gr.Textbox(f"{first} {cost}".rstrip(), visible=True)

    inputs = [voice, platform, every, cron, between, jitter, timezone, opening, approve]
    add.click(add_it, inputs, [rows, added], show_progress="hidden", api_visibility="private")


async def _rows(backend: WebBackend) -> list[_Row]:
    return [_row(schedule) for schedule in await backend.store.schedules.all()]


def _row(schedule: Schedule) -> _Row:
    about = [str(Timing.from_json(schedule.timing)), "paused" if schedule.paused else f"next {_time(schedule)}"]
    if schedule.prompt:
        about.append(f"begins “{schedule.prompt}”")
    about.append("asks you before each post" if schedule.approve else "posts without asking")
    head = f"{schedule.voice} on {PLATFORMS[schedule.platform]}"
    return _Row(schedule.id, schedule.paused, head, " · ".join(about))


def _time(schedule: Schedule) -> str:
    """The next one, on the clocks that the schedule goes by."""
    if schedule.next_at is None:
        return "never"
    zone = ZoneInfo(Timing.from_json(schedule.timing).timezone)
    return schedule.next_at.astimezone(zone).strftime("%a %d %b, %H:%M")
