"""Speaking with a model hub through huggingface_hub; whatever goes wrong there becomes one sentence."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TypeVar, cast

import httpx2
from huggingface_hub import HfApi, constants, get_token
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    XetDownloadError,
)

from data.errors import InputError, MynahError, NotFoundError, RefusedError
from data.settings import Settings

LONGEST_REASON = 200  # characters of what a hub says that are handed on

Result = TypeVar("Result")


class Hub:
    """One hub, with the token that the settings or `hf auth login` give."""

    def __init__(self, settings: Settings, endpoint: str = "") -> None:
        """`endpoint` is the hub's address; without one it is that of HF_ENDPOINT, or Hugging Face's own."""
        token = settings.hub.token.get_secret_value() or get_token() or ""
        self.api = HfApi(endpoint=endpoint or None, token=token or False)
        self.endpoint: str = self.api.endpoint
        self._has_token = bool(token)
        self._offline = settings.offline or constants.HF_HUB_OFFLINE

    def refuse_offline(self) -> None:
        """Raises RefusedError where nothing may be asked."""
        if self._offline:
            raise RefusedError("MYNAH_OFFLINE is on, so the model hub is not asked; turn it off for that.")

    async def call(self, what: str, ask: Callable[[], Result]) -> Result:
        """What `ask`, which may block, gives. `what` names its object: "the repository ode/keeper".

        Raises RefusedError offline, and MynahError with a sentence for whatever the hub or the line to it does.
        """
        self.refuse_offline()
        with self._explained(what):
            return await _beside(ask)

    async def account(self) -> tuple[str, tuple[str, ...]]:
        """Whose token it is, and the organisations they are in. Raises RefusedError without a good token."""
        self.refuse_offline()
        if not self._has_token:
            raise RefusedError(
                "There is no token for the model hub; put one with write access into MYNAH_HUB__TOKEN, or log in "
                "with `hf auth login`."
            )
        with self._explained("the token's account"):
            account = await _beside(self.api.whoami)
            return str(account["name"]), tuple(str(group["name"]) for group in account.get("orgs") or ())

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except MynahError:
            raise
        except OSError as error:
            if _root(error) is None and error.errno is not None:
                raise  # the disk's
            raise self._sentence(error, what) from error
        except (httpx2.HTTPError, RuntimeError, XetDownloadError) as error:
            raise self._sentence(error, what) from error
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
        ) as error:  # what reading odd answers raises
            raise self._sentence(error, what) from error

    def _sentence(self, error: BaseException, what: str) -> MynahError:
        match _root(error) or error:
            case GatedRepoError():
                return RefusedError(f"The model hub lets only some people see {what}; ask there for access first.")
            case RepositoryNotFoundError() | RevisionNotFoundError():
                return NotFoundError(
                    f"The model hub has no {what.removeprefix('the ')}, or keeps it from you; check its name and "
                    "MYNAH_HUB__TOKEN."
                )
            case HfHubHTTPError() as refusal:
                return self._by_status(refusal, what)
            case httpx2.HTTPError() as broken:
                return MynahError(
                    f"The model hub at {self.endpoint} can't be reached, or the line broke "
                    f"({type(broken).__name__}); try again, what was uploaded whole is not sent twice."
                )
            case ValueError() | TypeError() | KeyError() | AttributeError() | LocalEntryNotFoundError():
                return MynahError(
                    f"What the model hub says about {what} can't be understood; is {self.endpoint} the address of "
                    "one?"
                )
        reason = printable(str(error)) or type(error).__name__
        return MynahError(f"The model hub did not go through with {what} ({reason}); try again.")

    def _by_status(self, error: HfHubHTTPError, what: str) -> MynahError:
        status = error.response.status_code
        if status == 401:
            return RefusedError("The model hub does not take the token; put a valid one into MYNAH_HUB__TOKEN.")
        if status == 403:
            return RefusedError(
                f"The token may not do that with {what}; give one with write access in MYNAH_HUB__TOKEN."
            )
        if status == 404:
            return NotFoundError(f"The model hub has no {what.removeprefix('the ')}; check its name.")
        if status == 409:
            return MynahError(f"Somebody else is changing {what} on the model hub; try again in a minute.")
        if status == 429:
            return MynahError("The model hub asks for a pause; try again in some minutes.")
        if status >= 500:
            return MynahError(f"The model hub is in trouble itself (status {status}); try again later.")
        reason = printable(error.server_message or "") or f"status {status}"
        return InputError(f"The model hub refuses {what}: {reason}")


async def _beside(ask: Callable[[], Result]) -> Result:
    """In a thread that nothing waits for in the end: with asyncio's own, Ctrl-C would wait for an upload."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: Exception | None) -> None:
        if answer.cancelled():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(cast(Result, result))

    def work() -> None:
        result, problem = None, None
        try:
            result = ask()
        except Exception as error:
            problem = error
        with suppress(RuntimeError):  # nobody listens any more
            loop.call_soon_threadsafe(settle, result, problem)

    Thread(target=work, name="model hub", daemon=True).start()
    return await answer


def _root(error: BaseException) -> BaseException | None:
    """The hub's answer or the broken line that an error was raised from: uploads and downloads wrap them."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, httpx2.HTTPError):
        cause = cause.__cause__
    return cause


def printable(text: str) -> str:
    """What a stranger wrote, on one short line and without what would move the cursor."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line[:LONGEST_REASON]
