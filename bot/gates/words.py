"""Why a text may not be said, in plain words that go on from "as": "That can't be posted, as it holds a link"."""

from collections.abc import Mapping

from bot.gates.reason import Reason

WHY: Mapping[Reason, str] = {
    Reason.EMPTY: "it has no words",
    Reason.HIDDEN_CHARACTERS: "it holds characters that can't be seen",
    Reason.EVERYONE: "it calls everyone",
    Reason.MARKUP: "it holds Discord's markup",
    Reason.LIVE_MENTION: "it mentions an account",
    Reason.LINK: "it holds a link",
    Reason.CASHTAG: "it holds a cashtag",
    Reason.CUT: "it ends in mid-sentence",
    Reason.REPEATING: "it repeats itself or another text",
    Reason.BLOCKED: "it uses words that are blocked here",
    Reason.COPY_EXACT: "it is one of the person's own posts",
    Reason.COPY_RUN: "it copies eight words in a row of the person's own posts",
    Reason.COPY_NEAR: "it is nearly one of the person's own posts",
    Reason.TOO_LONG: "it is longer than the platform takes",
    Reason.SAID_BEFORE: "the same or nearly the same was posted before",
}
"""One for every reason."""
