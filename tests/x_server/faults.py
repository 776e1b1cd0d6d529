"""Trouble on order: for the next so many calls, a status, a rate limit, a delay, a cut line or a wrong date."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"


@dataclass
class Fault:
    """One kind of trouble for calls whose method and path match; both are regular expressions over the whole.

    With `after_effect` the call does its work first and only the answer is late or lost, the case in which the
    caller can't know. `cut` resets the line without an answer; `status` answers instead of X; a fault with neither
    is X's own answer, late by `delay` seconds or dated `skew` seconds off.
    """

    method: str
    path: str
    times: int = 1
    status: int | None = None
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    skew: float = 0.0
    after_effect: bool = False
    cut: bool = False

    @property
    def replaces(self) -> bool:
        """Whether the caller gets something else than X's answer."""
        return self.cut or self.status is not None


@dataclass
class Faults:
    """The faults still to come, in the order they were asked for, and the calls that met one."""

    waiting: list[Fault] = field(default_factory=list)
    met: list[tuple[str, str]] = field(default_factory=list)  # (method, path)

    def take(self, method: str, path: str) -> Fault | None:
        """The trouble for this call, if any; it counts as one of its times."""
        for fault in self.waiting:
            if re.fullmatch(fault.method, method) and re.fullmatch(fault.path, path):
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
        status: int = 503,
        body: str | None = None,
        content_type: str = HTML,
        after_effect: bool = False,
        times: int = 1,
    ) -> None:
        """A status with the page that a proxy would send, or with any other body and type."""
        page = f"<html><body><h1>{status}</h1></body></html>" if body is None else body
        kind = {"Content-Type": content_type} if content_type else {}
        self.waiting.append(Fault(method, path, times, status, page, kind, after_effect=after_effect))

    def unauthorized(self, method: str, path: str, *, content_type: str = "", times: int = 1) -> None:
        """A 401 without a body, and without a type unless one is given."""
        self.fail(method, path, status=401, body="", content_type=content_type, times=times)

    def rate_limit(self, method: str, path: str, *, reset: float | None = None, times: int = 1) -> None:
        """A 429 until the moment `reset` (seconds since 1970); without one it says nothing about when."""
        body = (
            '{"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429}'
        )
        headers = {"Content-Type": JSON}
        if reset is not None:
            headers |= {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(int(reset))}
        self.waiting.append(Fault(method, path, times, 429, body, headers))

    def delay(self, method: str, path: str, seconds: float, *, after_effect: bool = False, times: int = 1) -> None:
        """An answer that comes late: its work is done late too, unless `after_effect`."""
        self.waiting.append(Fault(method, path, times, delay=seconds, after_effect=after_effect))

    def cut(self, method: str, path: str, *, after_effect: bool = False, times: int = 1) -> None:
        """A line that is reset before the answer."""
        self.waiting.append(Fault(method, path, times, cut=True, after_effect=after_effect))

    def skew(self, method: str, path: str, seconds: float, *, times: int = 1) -> None:
        """X's own answer, but a `Date` that is off by so many seconds."""
        self.waiting.append(Fault(method, path, times, skew=seconds))
