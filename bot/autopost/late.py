"""What is too late to go out: a post hours after its time, an answer when the talk has moved on."""

from datetime import UTC, datetime, timedelta

from data.settings import PlatformSettings
from data.store import Draft, DraftState

LATEST_POST = timedelta(hours=6)


def overdue(draft: Draft, account: PlatformSettings) -> tuple[DraftState, str] | None:
    """How one that is due or approved ends, and why, where its time is over."""
    now = datetime.now(UTC)
    if draft.reply_to:
        if not account.answer_mentions:
            return "rejected", "Mentions are not answered any more."
        if now - draft.since > timedelta(minutes=account.mention_minutes):
            return "rejected", "The mention is too old to be answered now."
        return None
    # What waited for somebody's approval has its time from then on.
    if draft.state != "draft" and now - (draft.approved_at or draft.since) > LATEST_POST:
        return "failed", "It missed its time: it could not go out within six hours."
    return None
