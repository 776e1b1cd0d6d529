"""Pages of a timeline, and the tokens that lead from one to its neighbours."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import Payload, invalid_request
from .state import Post

_TOKEN = re.compile(r"([no])([0-9a-z]{1,13})")
NEWER, OLDER = "n", "o"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Page:
    """Some posts, newest first, and whether the timeline goes on at either end."""

    posts: list[Post]
    newer: bool
    older: bool

    def meta(self, shown: Sequence[Post]) -> Payload:
        """What X says about the page, given the posts of it that the answer holds."""
        meta: Payload = {"result_count": len(shown)}
        if shown:
            meta |= {"newest_id": str(shown[0].id), "oldest_id": str(shown[-1].id)}
        if self.older:
            meta["next_token"] = OLDER + _base36(self.posts[-1].id)
        if self.newer:
            meta["previous_token"] = NEWER + _base36(self.posts[0].id)
        return meta


def page_of(posts: list[Post], size: int, token: str | None) -> Page:
    """The page that a token leads to, or the first. Raises ApiError (400) for a token that nobody gave out."""
    if token is None:
        return Page(posts[:size], newer=False, older=len(posts) > size)
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise invalid_request(
            f"The `pagination_token` query parameter value [{token}] is not valid", pagination_token=token
        )
    edge = int(match[2], 36)
    older = [post for post in posts if post.id < edge]
    newer = [post for post in posts if post.id > edge]
    if match[1] == OLDER:
        return Page(older[:size], newer=bool(newer) and bool(older), older=len(older) > size)
    return Page(newer[-size:], newer=len(newer) > size, older=bool(older) and bool(newer))


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits
