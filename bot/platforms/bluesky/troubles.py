"""What went wrong with a call, told as the platform's errors, which say whether something may have happened."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import time

import httpx
from atproto_client.exceptions import ModelError, RequestErrorBase

from bot.platforms import NotDoneError, PlatformError, TurnedDownError, UnclearError

RETRY_SECONDS = 30.0
STRANGER_SECONDS = 300.0  # where something else than Bluesky answers, such as a proxy that lets nothing through

# All that the SDK and the client below it raise; a body that is no JSON ends in a ValueError.
CALL_ERRORS = (RequestErrorBase, ModelError, httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError)
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_SESSION_OVER = {"ExpiredToken", "InvalidToken"}
_SLOW = {408, 425, 499}  # somebody on the way gave up waiting, as with a 504


class AnsweredError(TurnedDownError):
    """Bluesky said no: with a name for it, or by the status that ends a session."""

    def __init__(self, status: int, name: str, message: str) -> None:
        said = f"{message.rstrip('.')} ({name})" if name else f"status {status}"
        super().__init__(f"Bluesky turned this down: {said}.")
        self.status = status
        self.name = name
        self.message = message

    @property
    def session_over(self) -> bool:
        return self.status == 401 or self.name in _SESSION_OVER

    @property
    def nothing_there(self) -> bool:
        """Whether a record was asked for that does not exist; older servers have no name for that."""
        return self.name == "RecordNotFound" or self.message.startswith("Could not locate record")


def told(error: Exception, setting: str, *, writing: bool) -> PlatformError:
    """What to raise for one of CALL_ERRORS; `setting` holds the address that was called."""
    response = error.response if isinstance(error, RequestErrorBase) else None
    if response is not None and response.status_code < 500 and response.status_code not in _SLOW:
        name, message = (str(getattr(response.content, field, None) or "") for field in ("error", "message"))
        if name or response.status_code == 401:
            return AnsweredError(response.status_code, name, message)
        return NotDoneError(
            f"What answers is not Bluesky (status {response.status_code}); check the network and {setting}.",
            STRANGER_SECONDS,
        )
    if isinstance(error, _NEVER_SENT) or isinstance(error.__cause__, _NEVER_SENT):
        return NotDoneError(f"Bluesky can't be reached; check the network and {setting}.", RETRY_SECONDS)
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return TurnedDownError(f"{setting} is not an address; write it like https://bsky.social.")
    what = f"Bluesky has trouble ({response.status_code})" if response is not None else "Bluesky's answer got lost"
    if writing:
        return UnclearError(f"{what}, so that it may have happened or not.")
    return NotDoneError(f"{what}; try again in a while.", RETRY_SECONDS)


def told_limit(status: int, headers: Mapping[str, str]) -> tuple[int, float] | None:
    """How many calls are left and in how many seconds all come back, by the server's own clock; None: not told.

    The names of headers are in small letters, or know no case.
    """
    try:
        if "ratelimit-reset" in headers:
            now = parsedate_to_datetime(headers["date"]).timestamp() if "date" in headers else time()
            return int(headers.get("ratelimit-remaining", "0")), float(headers["ratelimit-reset"]) - now
        if status == 429 and "retry-after" in headers:
            return 0, float(headers["retry-after"])
    except ValueError:
        pass  # nothing that can be made sense of
    return None
