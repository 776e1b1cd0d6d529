"""How a run reads: a line of progress, the card while it waits and works, and the card of its end."""

import io
from collections.abc import Sequence
from textwrap import shorten

import discord

from bot.fronts.discord.speech import LONGEST_MESSAGE, asked_of, escaped, name_of
from bot.fronts.label import label_of
from bot.fronts.run_words import duration, losses, share_done, where_it_stands
from bot.imitator import Reply
from data.store import CorpusSummary, Run
from trainer.voice import VoiceRecord

BAR = 20  # characters
LONGEST_SAMPLE = 300  # characters as sent; three, an answer and what stands around them fit into one message
LONGEST_REASON = 600  # characters of a failure
NO_TRAINER = (
    "No trainer is running, so nothing moves yet: whoever operates this bot starts one with `mynah trainer`."
)
HELD_OUT = "-# Held-out loss: how much posts that it has not seen surprise it; lower is closer."


def under_way(run: Run, place: int, trainers: int) -> str:
    """The card of a run that has not ended; `place` is the run's in the queue, `trainers` how many are alive."""
    lines = [_title("Training a voice of", run)]
    if run.state == "running" and run.progress:
        lines += [_bar(run), f"{losses(run)} · about {duration(run.progress['eta_seconds'])} left", HELD_OUT]
    else:
        lines.append(f"{where_it_stands(run, place).capitalize()}.")
    if run.cancel_requested:
        lines.append("It was asked to end.")
    elif not trainers:
        lines.append(NO_TRAINER)
    return "\n".join(lines)


def finished(
    run: Run,
    record: VoiceRecord,
    counts: Sequence[CorpusSummary],
    samples: Sequence[Reply],
    answer: Reply | None = None,
    notes: Sequence[str] = (),
) -> str:
    """The card of a voice that is ready: what it was made of, what it says, and the AI label.

    `notes` are sentences: what could not be said and why, and how one talks to it.
    """
    took = (
        f" in {duration((run.finished_at - run.started_at).total_seconds())}"
        if run.finished_at and run.started_at
        else ""
    )
    head = [
        _title("The voice is ready:", run) + took,
        *(counted(summary) for summary in counts),
        f"{learned(record)}.",
    ]
    said = [_quoted(sample.text) for sample in samples]
    if answer is not None:
        said += [f"Asked “{asked_of(answer.prompt)}”, it says:", _quoted(answer.text)]
    label = f"-# {label_of(name_of(record.handles))}"
    tail = "\n".join(["", *said, *notes, label])
    # The label stands whatever else has to go.
    return "\n".join(head)[: max(0, LONGEST_MESSAGE - len(tail))] + tail[-LONGEST_MESSAGE:]


def counted(summary: CorpusSummary) -> str:
    """What became of a handle's posts, as a sum that a person can check."""
    return (
        f"{name_of([summary.handle])}: {summary.downloaded:,} posts downloaded, {summary.retweets:,} retweets, "
        f"{summary.short:,} short, {summary.kept:,} kept"
    )


def learned(record: VoiceRecord) -> str:
    """From how many posts, and how the held-out loss fell; of a pulled voice only where it came from."""
    if not record.posts:
        return f"Trained elsewhere: {record.base} on the model hub"
    return (
        f"Learned from {record.posts:,} posts; held-out loss {record.held_out_loss_before:.2f} before, "
        f"{record.held_out_loss:.2f} after"
    )


def ended_without_voice(run: Run) -> str:
    """The card of a run that failed or was cancelled."""
    if run.state == "cancelled":
        return f"{_title('No voice of', run)}\nIt was cancelled; `/imitate` asks for it again."
    return f"{_title('No voice of', run)}\n{why(run)}"


def why(run: Run) -> str:
    """The sentence a run failed with; it may name files and handles, so nothing in it is live."""
    return safe(shorten(run.error or "It failed without a reason; see the trainer's log.", LONGEST_REASON))


def voice_gone(run: Run) -> str:
    """The card of a run that is done, while its voice was deleted since."""
    return f"{_title('No voice of', run)}\nIt was trained and deleted since; `/imitate` asks for it again."


def erased(run_id: int) -> str:
    """The card of a run whose row is gone."""
    return f"**Run {run_id}** was erased together with the posts that it learned from."


def let_go(run_id: int) -> str:
    """The card of a run that goes on, while whoever asked for it had their records erased."""
    return f"**Run {run_id}** goes on, but who asked for it is on record no more, so this message ends here."


def broken(run_id: int, reference: str) -> str:
    """The card that a fault of the program ended."""
    return (
        f"**Run {run_id}**: something broke in Mynah itself while showing it; please report reference "
        f"{reference}. `/voice status` shows how the run gets on."
    )


def files(plot: bytes) -> list[discord.File]:
    """The plot as an attachment, to be sent once; none where there is no plot."""
    words = "How the loss on held-out posts and on training posts fell, step by step"
    return [discord.File(io.BytesIO(plot), "losses.png", description=words)] if plot else []


def safe(text: str) -> str:
    """Somebody's words or a machine's as they stand: no markup and no mention comes of them."""
    return discord.utils.escape_mentions(escaped(text))


def _title(words: str, run: Run) -> str:
    return f"**{words} {name_of(run.handles)}** · run {run.id}"


def _bar(run: Run) -> str:
    full = min(BAR, int(share_done(run) * BAR))
    return f"`{'█' * full}{'░' * (BAR - full)}` {share_done(run):.0%}"


def _quoted(text: str) -> str:
    return f"> {escaped(' '.join(text.split()))[:LONGEST_SAMPLE]}"
