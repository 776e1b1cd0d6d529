"""How a run that has not ended reads, wherever it is shown: how far it is and how long it will take."""

from data.store import Run


def where_it_stands(run: Run, place: int) -> str:
    """A few words on a run that has not ended: `"place 2 in the queue"`, `"40%, loss 4.12 ..."`."""
    if run.state == "queued":
        return f"place {place} in the queue"
    if not run.progress:
        return "reading the posts, loading the base"
    return f"{share_done(run):.0%}, {losses(run)}, about {duration(run.progress['eta_seconds'])} left"


def share_done(run: Run) -> float:
    """From 0 to 1, of a run that has progress to show."""
    step, steps = float(run.progress["step"]), float(run.progress["steps"])
    return step / max(1.0, steps)


def losses(run: Run) -> str:
    """Of the last step and the last evaluation, of a run that has progress to show."""
    return f"loss {run.progress['loss']:.2f} · held-out loss {run.progress['held_out_loss']:.2f}"


def duration(seconds: float) -> str:
    """`75` -> `"1 min 15 s"`; from an hour on without seconds."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
