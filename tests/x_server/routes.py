"""The endpoints: posts made, deleted and looked up, accounts, and the two timelines."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from .bill import OWNED_READ, POST_READ, USER_READ, Bill
from .errors import Payload, hidden, invalid_request, missing, suspended
from .http import Call, Handler
from .pages import page_of
from .render import Answer
from .state import REPLY, REPOST, Account, Post
from .text import as_given
from .words import POST, Wish
from .world import World

MOST_IDS = 100  # in one look-up
PAGE = 10  # posts, where `max_results` doesn't say
SHORTEST_PAGE, LONGEST_PAGE = 5, 100
EXCLUDABLE = {"replies": REPLY, "retweets": REPOST}
ID = re.compile(r"[0-9]{1,19}")
USERNAME = re.compile(r"[A-Za-z0-9_]{1,15}")

FIELDS = {"tweet.fields", "post.fields", "user.fields", "expansions"}
POST_LOOKUP = FIELDS | {"media.fields", "poll.fields", "place.fields"}
MENTIONS = POST_LOOKUP | {"since_id", "until_id", "start_time", "end_time", "max_results", "pagination_token"}
TIMELINE = MENTIONS | {"exclude"}
# What a new post may hold here. X takes pictures, polls and more; this one says that it doesn't.
CREATE: dict[str, type] = {"text": str, "reply": dict, "reply_settings": str, "made_with_ai": bool}
REPLY_KEYS = {"in_reply_to_tweet_id", "exclude_reply_user_ids", "auto_populate_reply_metadata"}


class Routes:
    """The handlers, over one world; what they return goes on the bill."""

    def __init__(self, world: World, bill: Bill) -> None:
        self.world, self.bill = world, bill

    def table(self) -> dict[tuple[str, str], Handler]:
        return {
            ("POST", "/2/tweets"): self.create,
            ("DELETE", "/2/tweets/{id}"): self.delete,
            ("GET", "/2/tweets"): self.lookup,
            ("GET", "/2/tweets/{id}"): self.lookup_one,
            ("GET", "/2/users/me"): self.me,
            ("GET", "/2/users/by/username/{username}"): self.by_username,
            ("GET", "/2/users/{id}/tweets"): self.timeline,
            ("GET", "/2/users/{id}/mentions"): self.mentions,
        }

    # Writing

    def create(self, call: Call) -> tuple[int, Payload]:
        author, payload = call.user, call.payload
        if not isinstance(payload, dict):
            raise invalid_request("The body must be a JSON object.")
        for name, value in payload.items():
            if name not in CREATE:
                raise invalid_request(f"$.{name}: is not defined in the schema")
            if not isinstance(value, CREATE[name]):
                raise invalid_request(f"$.{name}: {type(value).__name__} found, {CREATE[name].__name__} expected")
        text, reply_to = payload.get("text", ""), _reply_to(payload.get("reply"))
        post = self.world.create(author, text, reply_to)
        call.charges.append(self.bill.created(post, text))
        history = {"edit_history_tweet_ids": [str(post.id)]}
        return 201, {"data": {"id": str(post.id), "text": as_given(post.text)} | history}

    def delete(self, call: Call) -> tuple[int, Payload]:
        author, number = call.user, _id(call, "id")
        post = self.world.posts.get(number)
        if post is not None:
            self.world.delete(author, post)
            call.charges.append(self.bill.deleted(post))
        # What X says of a post that is gone isn't documented; so a repeated deletion does no harm here.
        return 200, {"data": {"deleted": True}}

    # Looking up

    def lookup(self, call: Call) -> tuple[int, Payload]:
        answer = self._answer(call, POST_LOOKUP | {"ids"})
        ids = call.query.get("ids", "").split(",")
        if not 1 <= len(ids) <= MOST_IDS:
            given = f"The number of values in the `ids` query parameter list [{len(ids)}]"
            raise invalid_request(f"{given} is not between 1 and {MOST_IDS}")
        for value in dict.fromkeys(ids):
            self._look(answer, "ids", value)
        return 200, self._charged(call, answer, POST_READ).listed()

    def lookup_one(self, call: Call) -> tuple[int, Payload]:
        answer = self._answer(call, POST_LOOKUP)
        self._look(answer, "id", call.parameters["id"])
        return 200, self._charged(call, answer, POST_READ).single()

    def _look(self, answer: Answer, parameter: str, value: str) -> None:
        if not ID.fullmatch(value):
            raise invalid_request(
                f"The `{parameter}` query parameter value [{value}] is not valid", **{parameter: value}
            )
        post = self.world.posts.get(int(value))
        if post is None:
            answer.errors.append(missing("tweet", parameter, value))
        elif not self.world.visible(post, answer.reader):
            answer.errors.append(hidden("tweet", parameter, value))
        else:
            answer.add(post)

    # Accounts

    def me(self, call: Call) -> tuple[int, Payload]:
        account = call.user
        answer = self._answer(call, FIELDS, of_users=True)
        answer.users.append(account)
        return 200, self._charged(call, answer, USER_READ).single()

    def by_username(self, call: Call) -> tuple[int, Payload]:
        answer, name = self._answer(call, FIELDS, of_users=True), call.parameters["username"]
        if not USERNAME.fullmatch(name):
            raise invalid_request(
                f"The `username` query parameter value [{name}] does not match ^[A-Za-z0-9_]{{1,15}}$",
                username=name,
            )
        account = self.world.named(name)
        if account is None:
            answer.errors.append(missing("user", "username", name))
        elif account.suspended:
            answer.errors.append(suspended("username", name))
        else:
            answer.users.append(account)
        return 200, self._charged(call, answer, USER_READ).single()

    # Timelines

    def timeline(self, call: Call) -> tuple[int, Payload]:
        answer = self._answer(call, TIMELINE)
        unwanted = [name for name in call.query.get("exclude", "").split(",") if name]
        for name in unwanted:
            if name not in EXCLUDABLE:
                raise invalid_request(
                    f"The `exclude` query parameter value [{name}] is not one of [retweets,replies]", exclude=name
                )
        kinds = {EXCLUDABLE[name] for name in unwanted}

        def reached(account: Account) -> list[Post]:
            return self.world.timeline(account, without_replies=REPLY in kinds)

        return self._page(call, answer, reached, lambda post: not any(post.refers(kind) for kind in kinds))

    def mentions(self, call: Call) -> tuple[int, Payload]:
        return self._page(call, self._answer(call, MENTIONS), self.world.mentions, lambda post: True)

    def _page(
        self, call: Call, answer: Answer, reached: Callable[[Account], list[Post]], wanted: Callable[[Post], bool]
    ) -> tuple[int, Payload]:
        """A page of the posts that an account's timeline reaches.

        As at X, what `exclude` names is left out of the page after it was cut, so a page may be short or empty and
        still have another after it.
        """
        number, size = _id(call, "id"), _size(call)
        account = self.world.accounts.get(number)
        if account is None:
            answer.errors.append(missing("user", "id", str(number)))
        elif account.suspended:
            answer.errors.append(suspended("id", str(number)))
        elif account.protected and account is not answer.reader:
            answer.errors.append(hidden("user", "id", str(number)))
        if account is None or answer.errors:
            return 200, answer.listed()
        page = page_of(_within(call, reached(account)), size, call.query.get("pagination_token"))
        for post in filter(wanted, page.posts):
            answer.add(post)
        own = account is call.caller
        self._charged(call, answer, OWNED_READ if own else POST_READ)
        return 200, answer.listed(page.meta(answer.posts))

    # What they share

    def _answer(self, call: Call, parameters: set[str], *, of_users: bool = False) -> Answer:
        for name in call.query:
            if name not in parameters:
                choice = ",".join(sorted(parameters))
                raise invalid_request(
                    f"The query parameter [{name}] is not one of [{choice}]", **{name: call.query[name]}
                )
        wish = Wish.from_query(call.query, of_users=of_users)
        call.post_words = wish.words is POST
        return Answer(self.world, call.caller, wish)

    def _charged(self, call: Call, answer: Answer, kind: str) -> Answer:
        """Puts everything an answer returns on the bill: what was asked for and what stands beside it."""
        asked = [post.id for post in answer.posts] + [account.id for account in answer.users]
        call.charges += [self.bill.read(kind, resource) for resource in asked]
        call.charges += [self.bill.read(POST_READ, post.id) for post in answer.included_posts.values()]
        call.charges += [self.bill.read(USER_READ, account.id) for account in answer.included_users.values()]
        return answer


def _id(call: Call, name: str) -> int:
    value = call.parameters[name]
    if not ID.fullmatch(value):
        raise invalid_request(f"The `{name}` query parameter value [{value}] is not valid", **{name: value})
    return int(value)


def _size(call: Call) -> int:
    value = call.query.get("max_results", str(PAGE))
    if not value.isdigit() or not SHORTEST_PAGE <= int(value) <= LONGEST_PAGE:
        raise invalid_request(
            f"The `max_results` query parameter value [{value}] is not between {SHORTEST_PAGE} and {LONGEST_PAGE}",
            max_results=value,
        )
    return int(value)


def _within(call: Call, posts: list[Post]) -> list[Post]:
    """The posts between two ids or, where none are given, two moments."""
    for name in ("since_id", "until_id"):
        if name in call.query and not ID.fullmatch(call.query[name]):
            raise invalid_request(
                f"The `{name}` query parameter value [{call.query[name]}] is not valid", **{name: call.query[name]}
            )
    since, until = call.query.get("since_id"), call.query.get("until_id")
    start, end = _moment(call, "start_time"), _moment(call, "end_time")
    if since is not None:
        posts = [post for post in posts if post.id > int(since)]
    elif start is not None:
        posts = [post for post in posts if post.created_at >= start]
    if until is not None:
        posts = [post for post in posts if post.id < int(until)]
    elif end is not None:
        posts = [post for post in posts if post.created_at < end]
    return posts


def _moment(call: Call, name: str) -> float | None:
    if name not in call.query:
        return None
    try:
        return datetime.fromisoformat(call.query[name]).timestamp()
    except ValueError:
        raise invalid_request(f"Invalid '{name}': not an ISO 8601 time", **{name: call.query[name]}) from None


def _reply_to(reply: dict[str, Any] | None) -> int | None:
    if reply is None:
        return None
    value = reply.get("in_reply_to_tweet_id")
    if not set(reply) <= REPLY_KEYS or not isinstance(value, str) or not ID.fullmatch(value):
        raise invalid_request("$.reply: in_reply_to_tweet_id must be the id of a post")
    return int(value)
