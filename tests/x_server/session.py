"""The one change a client needs to reach this server: a session that swaps the origin of what it sends."""

from types import TracebackType
from typing import Any, Self

import aiohttp
from yarl import URL

from .oauth import ORIGINS


class Session:
    """Stands in for the `aiohttp.ClientSession` of a tweepy client: same request, same signature, other origin."""

    def __init__(self, origin: str, **options: Any) -> None:
        self._origin = origin
        self._session = aiohttp.ClientSession(**options)

    def request(self, method: str, url: str | URL, **options: Any) -> Any:
        """What `ClientSession.request` returns. Raises ValueError for a URL that isn't X's."""
        asked = URL(url) if isinstance(url, str) else url
        if str(asked.origin()) not in ORIGINS:
            raise ValueError(f"{asked} is not at X.")
        # Not encoded again: the signature covers the query as it is written.
        return self._session.request(method, URL(self._origin + asked.raw_path_qs, encoded=True), **options)

    async def close(self) -> None:
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
