"""Trouble on order: for the next so many calls of a route, a status, a rate limit, a delay or a cut line."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .limits import too_many
from .state import Payload


@dataclass
class Fault:
    """One kind of trouble for calls whose method and path match.

    `path` is a regular expression over the whole path. With `after_effect` the call does its work first and only
    the answer is lost, the case that idempotence exists for. `cut` closes the line without an answer.
    """

    method: str
    path: str
    times: int = 1
    status: int | None = None
    body: Payload | str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0  # seconds
    after_effect: bool = False
    cut: bool = False


@dataclass
class Faults:
    """The faults still to come, in the order they were asked for, and those that were met."""

    waiting: list[Fault] = field(default_factory=list)
    met: list[tuple[str, str]] = field(default_factory=list)  # (method, path) of each call that met one

    def take(self, method: str, path: str) -> Fault | None:
        """The trouble for this call, if any; it counts as one of its times."""
        for fault in self.waiting:
            if fault.method in (method, "*") and re.fullmatch(fault.path, path):
                fault.times -= 1
                if fault.times == 0:
                    self.waiting.remove(fault)
                self.met.append((method, path))
                return fault
        return None

    def fail(
        self,
        method: str,
        path: str,
        *,
        status: int = 500,
        times: int = 1,
        after_effect: bool = False,
        body: str = "",
    ) -> None:
        """A status such as 500 or 503 with the HTML that a proxy would send."""
        page = body or f"<html><body><h1>{status}</h1></body></html>"
        self.waiting.append(Fault(method, path, times, status, page, after_effect=after_effect))

    def rate_limit(
        self,
        method: str,
        path: str,
        *,
        retry_after: float | None = 0.1,
        via: bool = True,
        everywhere: bool = False,
        times: int = 1,
    ) -> None:
        """A 429 of `retry_after` seconds; None leaves the field out; without `via` it looks like Cloudflare's."""
        headers = {"Via": "1.1 google"} if via else {}
        body = too_many(retry_after, everywhere=everywhere)
        self.waiting.append(Fault(method, path, times, 429, body, headers))

    def delay(self, method: str, path: str, seconds: float, *, times: int = 1) -> None:
        """An answer that comes late."""
        self.waiting.append(Fault(method, path, times, delay=seconds))

    def cut(self, method: str, path: str, *, times: int = 1, after_effect: bool = False) -> None:
        """A line that is reset before the answer."""
        self.waiting.append(Fault(method, path, times, cut=True, after_effect=after_effect))
