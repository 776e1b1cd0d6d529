"""Loss curves as HTML: lines that stretch with the page, words that keep their size, in light and dark.

Gradio's own chart shows data and axes of different runs where both change at once, and needs pandas for it.
"""

from collections.abc import Sequence
from html import escape

from bot.fronts.web.run_view import HELD_OUT, LEARNED, Point
from bot.plot import mark_every

_KINDS = {HELD_OUT: "mynah-held-out", LEARNED: "mynah-learned"}
_MOST_STEP_MARKS = 5
MEANING = "Loss: how much posts surprise the voice, in nats per token. Unseen posts are what counts."


def curve_html(points: Sequence[Point], steps: float) -> str:
    """Every curve of `points` over `steps`; nothing where there are no points."""
    if not points:
        return ""
    steps = max(steps, *(step for step, _, _ in points), 1.0)
    losses = [loss for _, loss, _ in points]
    margin = max(0.08 * (max(losses) - min(losses)), 0.02)
    low, high = min(losses) - margin, max(losses) + margin

    def down(loss: float) -> float:
        return 100 * (high - loss) / (high - low)

    lines = [
        f'<polyline class="{_KINDS[kind]}" points="'
        + " ".join(f"{100 * step / steps:.2f},{down(loss):.2f}" for step, loss, of in points if of == kind)
        + '"/>'
        for kind in _KINDS
    ]
    every = mark_every(high - low)
    marks = [number * every for number in range(int(low / every) + 1, int(high / every) + 1)]
    across = "".join(
        f'<div class="mynah-mark" style="top: {down(mark):.2f}%"><span>{mark:g}</span></div>' for mark in marks
    )
    step_every = mark_every(steps, _MOST_STEP_MARKS)
    below = "".join(
        f'<span style="left: {100 * step / steps:.2f}%">{step:,.0f}</span>'
        for step in _multiples(max(step_every, 1.0), steps)
    )
    names = "".join(f'<span class="{_KINDS[kind]}">{escape(kind)}</span>' for kind in _KINDS)
    spoken = f"Loss over {steps:,.0f} steps: {_ends(points)}"
    return (
        f'<figure class="mynah-curve" role="img" aria-label="{escape(spoken)}">'
        f'<div class="mynah-plot">{across}'
        f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">{"".join(lines)}</svg></div>'
        f'<div class="mynah-steps">{below}</div>'
        f"<figcaption>{names}<span>{MEANING}</span></figcaption></figure>"
    )


def _multiples(every: float, most: float) -> list[float]:
    return [number * every for number in range(int(most / every) + 1)]


def _ends(points: Sequence[Point]) -> str:
    """`"unseen posts: 4.49 to 3.85, ..."`, for those who can't see the curves."""
    ends = []
    for kind in _KINDS:
        losses = [loss for _, loss, of in points if of == kind]
        if losses:
            ends.append(f"{kind}: {losses[0]:.2f} to {losses[-1]:.2f}")
    return ", ".join(ends)
