"""One small X in memory: who and what exists, and the rules by which posts come, go and are listed."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from .clock import Clock
from .errors import (
    duplicate,
    invalid_request,
    not_summoned,
    other_author,
    reply_to_nothing,
    text_too_long,
)
from .state import QUOTE, REPLY, REPOST, Account, Post, snowflake
from .text import MOST_WEIGHT, compared, mentioned, weighted_length

LONGEST_TIMELINE = 3200  # posts of one account that the API reaches back
LONGEST_WITHOUT_REPLIES = 800  # the same with `exclude=replies`
LONGEST_MENTIONS = 800


@dataclass(eq=False)
class World:
    """The state behind the API. `bot` is the account whose app and keys the caller has."""

    clock: Clock = field(default_factory=Clock)
    accounts: dict[int, Account] = field(default_factory=dict)
    posts: dict[int, Post] = field(default_factory=dict)
    bot: Account = field(init=False)
    refuses_duplicates: bool = True  # off, what is sent twice stands twice

    def __post_init__(self) -> None:
        self.bot = self.add_account("mynah", name="Mynah (AI parody)")

    def add_account(
        self, username: str, *, name: str = "", protected: bool = False, suspended: bool = False
    ) -> Account:
        """A new account. Raises ValueError for a name that is taken."""
        if self.named(username) is not None:
            raise ValueError(f"@{username} is taken.")
        now = self.clock.now()
        account = Account(
            username, snowflake(now), now, name or username, protected=protected, suspended=suspended
        )
        self.accounts[account.id] = account
        return account

    def named(self, username: str) -> Account | None:
        """The account that has a name now; names know no case."""
        return next((one for one in self.accounts.values() if one.username.lower() == username.lower()), None)

    def remove(self, account: Account) -> None:
        """An account that its owner deletes, with all its posts."""
        del self.accounts[account.id]
        for post in self.of(account):
            del self.posts[post.id]

    def post(
        self,
        author: Account,
        text: str,
        *,
        reply_to: Post | None = None,
        quotes: Post | None = None,
        reposts: Post | None = None,
        at: float | None = None,
        summoned: bool = False,
    ) -> Post:
        """A person posts, now or `at` a moment (seconds since 1970); none of the API's rules apply.

        A reply begins with the names of those it goes to and a repost is marked RT, as X does both by itself.
        """
        moment = self.clock.now() if at is None else at
        names = "" if reply_to is None else self._names_before(author, reply_to)
        text = names + text
        if reposts is not None:
            text = f"RT @{reposts.author.username}: {reposts.text}"
        kinds = ((REPLY, reply_to), (QUOTE, quotes), (REPOST, reposts))
        references = tuple((kind, other.id) for kind, other in kinds if other is not None)
        post = Post(snowflake(moment), author, text, moment, references, names=names, summoned=summoned)
        post.in_reply_to = reply_to.author if reply_to is not None else None
        post.conversation = reply_to.conversation if reply_to is not None else post.id
        self.posts[post.id] = post
        return post

    def create(self, author: Account, text: str, reply_to: int | None) -> Post:
        """A post through the API. Raises ApiError where X's rules forbid it."""
        if not text.strip():
            raise invalid_request("Your Tweet text is empty.")
        if weighted_length(text) > MOST_WEIGHT:
            raise text_too_long()
        answered = None if reply_to is None else self._answerable(author, reply_to)
        summoned = answered is not None and answered.author is not author
        prefix = "" if answered is None else self._names_before(author, answered)
        written = compared(prefix + text)
        if self.refuses_duplicates and any(compared(post.text) == written for post in self.of(author)):
            raise duplicate()
        return self.post(author, text, reply_to=answered, summoned=summoned)

    def edit(self, post: Post, text: str) -> Post:
        """The author changes a post: the new version has an id of its own and takes the place of the old."""
        now = self.clock.now()
        text, earlier = post.names + text, (*post.earlier, post.id)
        edited = replace(post, id=snowflake(now), text=text, created_at=now, earlier=earlier)
        del self.posts[post.id]
        self.posts[edited.id] = edited
        return edited

    def _names_before(self, author: Account, answered: Post) -> str:
        """The author of an answered post comes first, then whom that post names."""
        people = [answered.author.username]
        people += [found.username for name in sorted(mentioned(answered.text)) if (found := self.named(name))]
        others = dict.fromkeys(name for name in people if name != author.username)
        return "".join(f"@{name} " for name in others)

    def _answerable(self, author: Account, reply_to: int) -> Post:
        """A post that may be replied to: one's own, or one that names or quotes the replying account."""
        answered = self.posts.get(reply_to)
        if answered is None or not self.visible(answered, author):
            raise reply_to_nothing()
        quoted = {
            self.posts[other].author
            for kind, other in answered.references
            if kind == QUOTE and other in self.posts
        }
        if answered.author is author or author in quoted or author.username.lower() in mentioned(answered.text):
            return answered
        raise not_summoned()

    def delete(self, author: Account, post: Post) -> None:
        """Takes one's own post away. Raises ApiError for another's."""
        if post.author is not author:
            raise other_author()
        del self.posts[post.id]

    def visible(self, post: Post, reader: Account | None) -> bool:
        return post.author is reader or not post.author.silent

    def of(self, account: Account) -> list[Post]:
        """All posts of an account, newest first."""
        return _newest(post for post in self.posts.values() if post.author is account)

    def timeline(self, account: Account, *, without_replies: bool) -> list[Post]:
        """The posts of an account that the API reaches, newest first, reposts and replies among them."""
        return self.of(account)[: LONGEST_WITHOUT_REPLIES if without_replies else LONGEST_TIMELINE]

    def mentions(self, account: Account) -> list[Post]:
        """The posts of others that name an account and that the API reaches, newest first."""
        name = account.username.lower()
        naming = (
            post
            for post in self.posts.values()
            if post.author is not account and not post.author.silent and name in mentioned(post.text)
        )
        return _newest(naming)[:LONGEST_MENTIONS]


def _newest(posts: Iterable[Post]) -> list[Post]:
    return sorted(posts, key=lambda post: post.id, reverse=True)
