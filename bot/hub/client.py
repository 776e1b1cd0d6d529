"""Speaking with a model hub through huggingface_hub; whatever goes wrong there becomes one sentence."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Thread
from typing import TypeVar, cast

import httpx2
from huggingface_hub import HfApi, constants, get_session, get_token
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
ANSWER_SECONDS = 60.0  # after which a hub that says nothing is given up; the library would wait for ever

Result = TypeVar("Result")
_ODD_ANSWERS = (ValueError, TypeError, LookupError, AttributeError)  # what reading them raises


@dataclass(frozen=True)
class Account:
    """Whose token it is."""

    name: str
    groups: tuple[str, ...]  # the organisations they are in

    def refuse_foreign(self, repo: str) -> None:
        """Raises RefusedError for a repository that is neither theirs nor of a group of theirs."""
        if repo.partition("/")[0] not in (self.name, *self.groups):
            raise RefusedError(
                f"The token is {self.name}'s, who has no say over {repo}; put its owner's into MYNAH_HUB__TOKEN."
            )


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

    async def call(self, what: str, ask: Callable[[], Result], *, moves_files: bool = False) -> Result:
        """What `ask`, which may block, gives. `what` names its object: "the repository ode/keeper".

        A call that `moves_files` may take as long as bytes go on to flow. Raises RefusedError offline, and
        MynahError with a sentence for whatever the hub or the line to it does.
        """
        self.refuse_offline()
        with self._explained(what):
            async with asyncio.timeout(None if moves_files else ANSWER_SECONDS):
                return await _beside(ask)

    async def account(self) -> Account:
        """Raises RefusedError without a good token."""
        self.refuse_offline()
        if not self._has_token:
            raise RefusedError(
                "There is no token for the model hub; put one with write access into MYNAH_HUB__TOKEN, or log in "
                "with `hf auth login`."
            )

        def ask() -> Account:
            told = self.api.whoami()
            return Account(str(told["name"]), tuple(str(group["name"]) for group in told.get("orgs") or ()))

        return await self.call("the token's account", ask)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except MynahError:
            raise
        except TimeoutError as error:  # our own, and an OSError
            raise self._broken(error) from error
        except OSError as error:
            if _root(error) is None and error.errno is not None:
                raise  # the disk's
            raise self._sentence(error, what) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, RuntimeError, XetDownloadError) as error:
            raise self._sentence(error, what) from error
        except _ODD_ANSWERS as error:
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
                return self._broken(broken)
            case httpx2.InvalidURL() | LocalEntryNotFoundError():
                return self._odd(what)
            case odd if isinstance(odd, _ODD_ANSWERS):
                return self._odd(what)
        reason = printable(str(error)) or type(error).__name__
        return MynahError(f"The model hub did not go through with {what} ({reason}); try again.")

    def _broken(self, error: BaseException) -> MynahError:
        return MynahError(
            f"The model hub at {self.endpoint} can't be reached, or the line broke ({type(error).__name__}); try "
            "again."
        )

    def _odd(self, what: str) -> MynahError:
        return MynahError(
            f"What the model hub says about {what} can't be understood; is {self.endpoint} the address of one?"
        )

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
        if status in (409, 412):
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
            get_session().timeout = ANSWER_SECONDS  # of silence
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
