"""Where a draft stands, in words for the page."""

from bot.autopost.publishing import DRY_RUN
from bot.platforms.addresses import address_of
from data.posts import PLATFORMS
from data.store import Draft


def outcome(draft: Draft) -> str:
    """A sentence; plain text, as it may hold what a platform answered."""
    where = PLATFORMS[draft.platform]
    match draft.state:
        case "due":
            return f"It waits for its text. {draft.error}".rstrip()
        case "draft":
            return "It waits for you."
        case "approved" if draft.error:
            return f"It is approved and waits. {draft.error}"
        case "approved":
            return f"It is approved and goes out on {where} as soon as `mynah bot` or `mynah run` gets to it."
        case "posting":
            return f"It is on its way to {where}."
        case "unknown":
            return f"It was sent. Mynah looks whether it arrived before it tries again. {draft.error}".rstrip()
        case "posted":
            return f"Posted on {where}."
        case "rejected" if draft.error == DRY_RUN:
            return f"A dry run: without it, that would be on {where} now."
        case "failed" | "rejected":
            return f"It was not posted: {draft.error or 'it was rejected.'}"


def address(draft: Draft) -> str:
    """Where people read it; empty before it is posted."""
    return address_of(draft.platform, draft.published) if draft.published else ""
