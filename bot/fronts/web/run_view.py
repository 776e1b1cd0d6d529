"""How a run is shown on the page: words, bar and figures as HTML, and the points of its loss curve."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from bot.fronts.run_words import duration, share_done
from data.store import Run, VoiceRow

Point = tuple[float, float, str]  # step, loss in nats per token, which curve

HELD_OUT, LEARNED = "unseen posts", "posts it learns from"
STATES = {"running": "training", "done": "ready", "failed": "failed", "cancelled": "cancelled"}


@dataclass(frozen=True)
class RunView:
    """All that the page shows of one run and of those beside it; equal where nothing is new."""

    run_id: int
    words: str  # HTML
    points: tuple[Point, ...]
    steps: int
    may_cancel: bool
    may_retry: bool
    voice: str  # its name once it may be talked to, else empty
    listed: tuple[tuple[str, int], ...]  # words and numbers of the runs to choose from
    at_work: bool  # whether any of them has not ended


def name_of(handles: Sequence[str]) -> str:
    """`"@a + @b"`."""
    return " + ".join(f"@{handle}" for handle in handles)


def listed(run: Run, place: int) -> str:
    """A run as one of many: whose voice, where it stands, and when it was asked for."""
    state = f"place {place} in the queue" if run.state == "queued" else STATES[run.state]
    return f"{name_of(run.handles)} · {state} · {run.created_at.astimezone():%d %b, %H:%M}"


def under_way(run: Run, place: int, trouble: str) -> str:
    """Of a run that has not ended. `trouble` is a sentence on why no trainer is there, else empty."""
    parts = [_title("Training a voice of" if run.state == "running" else "Waiting to train a voice of", run)]
    if run.state == "running" and run.progress:
        progress = run.progress
        parts.append(_bar(share_done(run)))
        parts.append(
            _facts(
                ("step", f"{progress['step']:,} of {progress['steps']:,}"),
                ("speed", f"{progress['tokens_per_second']:,.0f} tokens a second"),
                ("time left", f"about {duration(progress['eta_seconds'])}"),
                ("loss before", f"{progress['held_out_loss_before']:.2f}"),
                ("loss now", f"{progress['held_out_loss']:.2f}"),
            )
        )
    elif run.state == "running":
        parts += [_bar(None), "<p>Reading the posts and loading the base …</p>"]
    else:
        parts += [_bar(None), f"<p>Place {place} in the queue{': it is next' if place == 1 else ''}.</p>"]
    if run.cancel_requested:
        parts.append("<p>It was asked to end.</p>")
    elif trouble and run.state == "queued":
        parts.append(f'<p class="mynah-wrong" role="alert">{escape(trouble)}</p>')
    else:
        parts.append('<p class="mynah-note">You may close this page. The training goes on.</p>')
    return "".join(parts)


def ended(run: Run, voice: VoiceRow | None) -> str:
    """Of a run that has ended; `voice` is what it made, where that is still here."""
    if run.state == "cancelled":
        return _title("No voice of", run) + "<p>It was cancelled.</p>"
    if run.state == "failed":
        reason = escape(run.error or "It failed without a reason; the trainer's log may know more.")
        return f'{_title("No voice of", run)}<p class="mynah-wrong">{reason}</p>'
    if voice is None:
        return _title("No voice of", run) + "<p>It was trained, and deleted since.</p>"
    before, after = voice.held_out_loss_before, voice.held_out_loss
    took = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else 0.0
    return _title("Ready: the voice of", run) + _facts(
        ("loss before", f"{before:.2f}"),
        ("loss after", f"{after:.2f}"),
        ("posts", f"{voice.record['posts']:,}"),
        ("took", duration(took)),
    )


def curve(run: Run) -> tuple[Point, ...]:
    """Every evaluation so far, and the loss of the last step since then."""
    progress = run.progress
    points = evaluated(progress.get("history", ()))
    if progress and not progress["evaluated"]:
        points.append((float(progress["step"]), float(progress["loss"]), LEARNED))
    return tuple(point for point in points if math.isfinite(point[1]))


def evaluated(history: Iterable[Mapping[str, float]]) -> list[Point]:
    """The points of the evaluations of a run, or of a voice's record."""
    entries = list(history)
    return [
        (float(entry["step"]), float(entry[key]), words)
        for key, words in (("held_out_loss", HELD_OUT), ("loss", LEARNED))
        for entry in entries
        if key in entry
    ]


def _title(words: str, run: Run) -> str:
    return f"<h3>{words} {escape(name_of(run.handles))}</h3>"


def _bar(share: float | None) -> str:
    """None: nobody knows how far it is."""
    if share is None:
        return '<div class="mynah-bar mynah-bar-waiting" role="progressbar"><div></div></div>'
    whole = round(100 * share)
    return (
        f'<div class="mynah-bar" role="progressbar" aria-valuenow="{whole}" aria-valuemin="0" aria-valuemax="100">'
        f'<div style="width: {whole}%"></div></div>'
    )


def _facts(*facts: tuple[str, str]) -> str:
    cells = "".join(f"<div><dt>{label}</dt><dd>{value}</dd></div>" for label, value in facts)
    return f'<dl class="mynah-facts">{cells}</dl>'
