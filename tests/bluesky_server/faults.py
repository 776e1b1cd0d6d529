"""Trouble on order, as for the small X: for the next so many calls, a status, a delay or a cut line."""

from tests.x_server.faults import JSON, Fault
from tests.x_server.faults import Faults as OfX


class Faults(OfX):
    """Calls are matched by method and path, such as `r".*createRecord"`."""

    def refuse(self, path: str, status: int, name: str, *, times: int = 1, after_effect: bool = False) -> None:
        """Another answer of XRPC."""
        body = f'{{"error": "{name}", "message": "As ordered"}}'
        self.fail(".*", path, status=status, body=body, content_type=JSON, times=times, after_effect=after_effect)

    def rate_limit(self, method: str, path: str, *, reset: float | None = None, times: int = 1) -> None:
        """A 429 until the moment `reset` (seconds since 1970); without one it says nothing about when."""
        headers = {"Content-Type": JSON}
        if reset is not None:
            headers |= {"ratelimit-limit": "1", "ratelimit-remaining": "0", "ratelimit-reset": str(int(reset))}
        body = '{"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"}'
        self.waiting.append(Fault(method, path, times, 429, body, headers))
