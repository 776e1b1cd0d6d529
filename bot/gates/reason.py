"""Why a candidate is not said. Each rejection is counted under one of these."""

from enum import StrEnum


class Reason(StrEnum):
    EMPTY = "empty"  # no word of its own
    HIDDEN_CHARACTERS = "hidden_characters"  # zero-width, bidi, controls, look-alikes of @
    EVERYONE = "everyone"  # @everyone, @here
    MARKUP = "markup"  # what Discord turns into mentions, channels, emoji, times, commands
    LIVE_MENTION = "live_mention"
    LINK = "link"  # or a bare domain, which platforms link
    CASHTAG = "cashtag"
    CUT = "cut"  # stopped in mid-sentence with too little before it
    REPEATING = "repeating"  # a loop, or the same as another candidate
    BLOCKED = "blocked"  # on the operator's block list
    COPY_EXACT = "copy_exact"
    COPY_RUN = "copy_run"  # eight words in a row of a training post
    COPY_NEAR = "copy_near"
    TOO_LONG = "too_long"  # for the platform, its label counted in
    SAID_BEFORE = "said_before"  # the same or nearly the same stands on the platform, or waits to
