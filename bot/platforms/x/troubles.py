"""What can go wrong on the way to X, put into the errors that every platform has: what happened, what may have,
and what to do about it."""

import time
from typing import Any

import aiohttp

from bot.platforms import DuplicateError, NotDoneError, PlatformError, TurnedDownError, UnclearError
from bot.platforms.x.session import Answer

KEYS = "MYNAH_X__API_KEY, MYNAH_X__API_SECRET, MYNAH_X__ACCESS_TOKEN and MYNAH_X__ACCESS_SECRET"
MOST_SKEW = 60.0  # seconds that a clock may be off before it is blamed; X takes signatures within five minutes
SOON = 60.0  # seconds, after trouble that passes by itself
LATER = 900.0  # seconds, after trouble that somebody has to mend

# X's own words for problems that lie with the app and its keys, at the end of a problem's type.
_APP_PROBLEMS = ("oauth1-permissions", "unsupported-authentication", "client-forbidden", "client-not-enrolled")


def refusal(answer: Answer, *, writing: bool, wait: float) -> PlatformError:
    """What an answer that is no success means. `wait` is what a rate limit says, in seconds."""
    status = answer.status
    if not answer.refuses:
        return unheard(f"X answered with an error ({status})", writing=writing)
    if status == 429:
        return limited(wait)
    if status == 401:
        return NotDoneError(_unauthorized(answer), LATER)
    if status == 402:
        return NotDoneError("X's account has no credits left; buy some in X's developer console.", LATER)
    if status < 400 or answer.payload is None:
        return NotDoneError(
            f"Something before X answered in its place ({status}); check the network and MYNAH_X__API_BASE.", LATER
        )
    return _told(status, answer.payload)


def limited(wait: float) -> NotDoneError:
    return NotDoneError(f"X's limit for calls of this kind is used up for {round(wait)} seconds.", wait)


def lost(error: aiohttp.ClientError | TimeoutError, *, writing: bool) -> PlatformError:
    """What it means that there was no answer, or only a part of one."""
    if surely_unsent(error):
        return NotDoneError("X can't be reached; check the network.", SOON)
    if isinstance(error, TimeoutError):
        return unheard("X did not answer within MYNAH_X__TIMEOUT_SECONDS", writing=writing)
    return unheard("The line to X broke before its answer came", writing=writing)


def unheard(what: str, *, writing: bool) -> PlatformError:
    """Nobody knows what became of the call: harmless where nothing was to be written."""
    if writing:
        return UnclearError(f"{what}, so it is not known whether the post stands.")
    return NotDoneError(f"{what}; it is tried again later.", SOON)


def surely_unsent(error: BaseException) -> bool:
    """Whether X never got to hear of the call."""
    return isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)


def _unauthorized(answer: Answer) -> str:
    ahead = time.time() - answer.moment if answer.moment is not None else 0.0
    if abs(ahead) > MOST_SKEW:
        minutes = max(1, round(abs(ahead) / 60))
        return (
            f"X does not accept this machine's signatures, for its clock is {minutes} "
            f"minute{'s' if minutes > 1 else ''} {'ahead' if ahead > 0 else 'behind'}; set the clock."
        )
    return f"X does not accept the keys; check {KEYS}."


def _told(status: int, problem: dict[str, Any]) -> PlatformError:
    """A refusal in X's own words."""
    kind, detail = str(problem.get("type", "")), _detail(problem)
    if status == 403 and "duplicate" in detail.lower():
        return DuplicateError("X says that this very text was posted already.")
    if status == 403 and kind.endswith(_APP_PROBLEMS):
        return NotDoneError(
            f"X does not let the app do this ({detail}); give it permission to read and write in X's developer "
            "console, make new access tokens there and set MYNAH_X__ACCESS_TOKEN and MYNAH_X__ACCESS_SECRET.",
            LATER,
        )
    if status == 403 and "suspended" in (detail + kind).lower():
        return TurnedDownError("X has suspended the bot's account; see to it on X.")
    return TurnedDownError(f"X turned this down: {detail}")


def _detail(problem: dict[str, Any]) -> str:
    """The most telling sentence of a problem, on one line of some length."""
    errors = problem.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    told = first.get("message") if isinstance(first, dict) else None
    detail = told or problem.get("detail") or problem.get("title") or "it does not say why."
    return " ".join(str(detail).split())[:300]
