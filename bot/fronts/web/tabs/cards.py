"""A voice's card, as everybody would read it who gets the voice, beside how its losses fell."""

import math
from typing import Any

import gradio as gr

from bot.cards import card_of
from bot.fronts.web.backend import WebBackend
from bot.fronts.web.curve import curve_html
from bot.fronts.web.handling import shown, voice_choice
from bot.fronts.web.run_view import evaluated
from trainer.card import COUNTS
from trainer.card_text import written
from trainer.voice import Voice, VoiceRecord

NO_VOICE = "**There is no voice yet.** Bring posts and train one; its card is written by itself."
FENCE = "\n---\n\n"  # between a card's metadata and its body
# The card is in the page already, so the browser alone makes the file: nothing of it stays on the server.
DOWNLOAD = """(card) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([card], {type: "text/markdown"}));
  link.download = "README.md";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}"""


def cards_tab(page: gr.Blocks, backend: WebBackend) -> None:
    """The tab Cards."""
    with gr.Tab("Cards", id="cards") as here:
        voice = voice_choice(backend, page.load, here.select)
        none = gr.Markdown(NO_VOICE, visible=False)
        with gr.Column(visible=False) as shelf:
            with gr.Row():
                with gr.Column(min_width=280):
                    curve = gr.HTML(elem_id="card-curve", padding=False)
                with gr.Column(min_width=280):
                    facts = gr.Markdown(latex_delimiters=[], elem_classes="mynah-card")
                    download = gr.Button("Download card", variant="primary")
            # Names and posts may hold what looks like a formula; nothing here is one.
            body = gr.Markdown(latex_delimiters=[], container=True, elem_id="card-body", elem_classes="mynah-card")
            with gr.Accordion("Metadata, as hubs read it", open=False):
                metadata = gr.Code(language="yaml", show_label=False, interactive=False, elem_id="card-metadata")
        card = gr.Textbox(visible="hidden", elem_id="card-text")

    async def update(name: str | None) -> list[Any]:
        """Everything of the voice that was chosen."""
        name = name or next(iter(await backend.voice_names()), None)  # the one that is about to be chosen
        if name is None:
            return [gr.Markdown(visible=True), gr.Column(visible=False), *[None] * 5]
        chosen = await backend.voice(name)
        text = await card_of(backend.store, backend.settings, chosen)
        front, _, rest = text.partition(FENCE)
        return [
            gr.Markdown(visible=False),
            gr.Column(visible=True),
            _curve(chosen.record),
            _facts(chosen),
            rest,
            front.removeprefix("---\n"),
            text,
        ]

    # A vote of the game or a new training changes a card although the choice stays.
    shown(
        page.load,
        here.select,
        voice.change,
        update=update,
        inputs=voice,
        outputs=[none, shelf, curve, facts, body, metadata, card],
    )
    download.click(None, card, js=DOWNLOAD)


def _curve(record: VoiceRecord) -> str:
    """Empty where no loss was measured, as in a voice from a hub."""
    if not math.isfinite(record.held_out_loss_before) or not record.history:
        return ""
    points = evaluated(record.history)
    return curve_html(points, max(step for step, _, _ in points))


def _facts(voice: Voice) -> str:
    """What was learned from, counted, and where its making was tracked."""
    record = voice.record
    lines = []
    if record.learned:
        lines += [
            "| Posts |" + "".join(f" {written('@' + share.handle)} |" for share in record.learned),
            "| --- |" + " ---: |" * len(record.learned),
            *(
                f"| {label} |" + "".join(f" {getattr(share, count):,} |" for share in record.learned)
                for label, count in COUNTS.items()
            ),
            "",
        ]
    else:
        lines += [f"It learned from {record.posts:,} posts; more about them was not recorded.", ""]
    tracked = ", ".join(map(written, record.tracked.values()))
    lines.append(f"Its making was tracked: {tracked}." if tracked else "Its making was not tracked.")
    return "\n".join(lines)
