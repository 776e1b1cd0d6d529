"""Posts on their way out, each in one state, so that it goes out exactly once whatever happens on the way.

    due <-> draft -> approved -> posting -> posted
                         ^          |  \\
                         |          v   -> failed, rejected
                         +------- unknown -> posted, failed

A due post has no text yet. `draft` waits for somebody's approval; without need of one it is passed over. `posting`
means that the platform may have it from now on: whoever finds such a row abandoned must look there before anything
is sent again, and so must whoever heard nothing certain (`unknown`). Answers to mentions go the same way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

DraftState = Literal["due", "draft", "approved", "posting", "posted", "unknown", "failed", "rejected"]

# Every move there is; a move that is not here is refused.
MOVES: Mapping[DraftState, frozenset[DraftState]] = {
    "due": frozenset({"due", "draft", "approved", "failed", "rejected"}),
    "draft": frozenset({"due", "draft", "approved", "rejected"}),
    "approved": frozenset({"approved", "draft", "posting", "rejected", "failed"}),
    "posting": frozenset({"posted", "unknown", "approved", "failed", "rejected"}),
    "unknown": frozenset({"unknown", "posted", "approved", "failed"}),
    "posted": frozenset({"posted"}),
    "failed": frozenset({"failed", "due", "approved"}),
    "rejected": frozenset(),
}
ENDED: tuple[DraftState, ...] = ("posted", "failed", "rejected")
# What is on its way to an end, and what of that may still be kept from going out, as nothing was sent.
OPEN: tuple[DraftState, ...] = ("due", "draft", "approved", "posting", "unknown")
UNSENT: tuple[DraftState, ...] = ("due", "draft", "approved")


@dataclass(frozen=True)
class NewDraft:
    """A post or answer that is due. There is one of each `key`, which says what for: a schedule and time, say."""

    key: str
    platform: str  # "x", "bluesky"
    voice: str  # by name: the newest voice of that name speaks
    prompt: str = ""  # the start of a post, or the mention that is answered
    approve: bool = False  # whether somebody has to approve it
    schedule_id: int | None = None
    reply_to: str = ""  # the mention's id on its platform; empty for a post
    person: str = ""  # who is answered, or who asked for the post; with the platform: "x:123"
    thread: str = ""  # the conversation's id on its platform
    channel: str = ""  # where on Discord it is shown for approval: "discord:123"
    text: str = ""  # where it was said already: it then waits for approval at once


@dataclass(frozen=True)
class Draft:
    """A row as it stands; fields as in NewDraft."""

    id: int
    key: str
    platform: str
    voice: str
    schedule_id: int | None
    prompt: str
    approve: bool
    reply_to: str
    person: str
    thread: str
    channel: str
    message: str  # the Discord message that shows it; empty again once that has shown its end
    decided_by: str  # who approved or rejected it: "discord:123", or "operator"; empty where nobody had to
    state: DraftState
    text: str  # without the AI label; empty while due
    sent: str  # as it was sent first, the label of that time included; empty before
    voice_key: str  # of the voice that wrote it; empty where a person did
    published: str  # its id on the platform
    attempts: int  # how often it was sent, or tried to be written while due; being killed meanwhile counts not
    error: str  # what went wrong last, in a sentence
    not_before: datetime  # aware, UTC: it rests until then
    lease_until: float | None  # `time.time()`: until then its sender may be at it
    approved_at: datetime | None  # by a person
    sent_at: datetime | None  # when it was first sent; what stands on the platform since then may be it
    since: datetime
    changed_at: datetime

    @property
    def sent_before(self) -> bool:
        """Of one that was just claimed: whether it had been claimed before, so that it may stand there already."""
        return self.sent_at != self.changed_at
