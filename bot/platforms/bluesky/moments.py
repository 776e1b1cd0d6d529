"""Moments as Bluesky writes them."""

from datetime import UTC, datetime


def moment(text: object) -> datetime | None:
    """Aware, in UTC; None for what is no moment, for what people's programs write is not checked."""
    if not isinstance(text, str):
        return None
    try:
        read = datetime.fromisoformat(text)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def written(when: datetime) -> str:
    """With milliseconds and a Z."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
