"""Posts and users as X writes them in an answer, with the things they refer to beside them."""

from dataclasses import dataclass, field

from .clock import written
from .errors import Payload, hidden, missing
from .state import Account, Post
from .text import MOST_WEIGHT, as_given, cut, entities, mentioned, weighted_length
from .words import Wish
from .world import World


@dataclass
class Answer:
    """An answer in the making: what it holds decides what it costs."""

    world: World
    reader: Account | None
    wish: Wish
    posts: list[Post] = field(default_factory=list)
    users: list[Account] = field(default_factory=list)
    included_posts: dict[int, Post] = field(default_factory=dict)
    included_users: dict[int, Account] = field(default_factory=dict)
    errors: list[Payload] = field(default_factory=list)

    def add(self, post: Post) -> None:
        """A post that was asked for, with what the wish wants beside it."""
        self.posts.append(post)
        self._include_users(post)
        if self.wish.expands_references:
            for _, other in post.references:
                self._include_post(other)

    def _include_users(self, post: Post) -> None:
        asked = self.wish.expansions
        people = [post.author] if "author_id" in asked else []
        if "in_reply_to_user_id" in asked and post.in_reply_to is not None:
            people.append(post.in_reply_to)
        if "entities.mentions.username" in asked:
            people += [found for name in mentioned(post.text) if (found := self.world.named(name)) is not None]
        self.included_users |= {person.id: person for person in people if person.id in self.world.accounts}

    def _include_post(self, other: int) -> None:
        found = self.world.posts.get(other)
        if found is None:
            error = missing("tweet", self.wish.words.expand_references, str(other))
            self.errors.append(error | {"section": "includes"})
        elif not self.world.visible(found, self.reader):
            self.errors.append(hidden("tweet", self.wish.words.expand_references, str(other), "includes"))
        else:
            self.included_posts[other] = found
            if f"{self.wish.words.expand_references}.author_id" in self.wish.expansions:
                self.included_users[found.author.id] = found.author

    def single(self) -> Payload:
        """The answer about one post or user."""
        data = [*map(self._post, self.posts), *map(self._user, self.users)]
        return self._with_rest({"data": data[0]} if data else {})

    def listed(self, meta: Payload | None = None) -> Payload:
        """The answer about several posts. X leaves `data` out rather than send an empty list."""
        rest = self._with_rest({"data": [self._post(post) for post in self.posts]} if self.posts else {})
        return rest if meta is None else rest | {"meta": meta}

    def _with_rest(self, answer: Payload) -> Payload:
        includes: Payload = {}
        if self.included_users:
            includes["users"] = [self._user(account) for account in self.included_users.values()]
        if self.included_posts:
            includes[self.wish.words.included] = [self._post(post) for post in self.included_posts.values()]
        return (
            answer
            | ({"includes": includes} if includes else {})
            | ({"errors": self.errors} if self.errors else {})
        )

    def _post(self, post: Post) -> Payload:
        words = self.wish.words
        metrics = ("reply_count", "like_count", "quote_count", "bookmark_count", "impression_count", words.reposts)
        whole: Payload = {
            "id": str(post.id),
            "text": cut(post.text),
            words.history: [str(version) for version in (*post.earlier, post.id)],
            "author_id": str(post.author.id),
            "conversation_id": str(post.conversation),
            "created_at": written(post.created_at),
            "lang": "en",
            "possibly_sensitive": False,
            "reply_settings": "everyone",
            "public_metrics": dict.fromkeys(metrics, 0),
        }
        whole["display_text_range"] = [len(post.names), len(whole["text"])]
        if post.in_reply_to is not None:
            whole["in_reply_to_user_id"] = str(post.in_reply_to.id)
        if post.references:
            whole[words.references] = [{"type": kind, "id": str(other)} for kind, other in post.references]
        if found := entities(post.text):
            whole["entities"] = found
        if weighted_length(post.text) > MOST_WEIGHT:
            whole[words.note] = {"text": as_given(post.text)}
        return {name: value for name, value in whole.items() if name in self.wish.shown}

    def _user(self, account: Account) -> Payload:
        counts = ("followers_count", "following_count", "listed_count", "like_count")
        whole: Payload = {
            "id": str(account.id),
            "name": account.name,
            "username": account.username,
            "created_at": written(account.created_at),
            "description": account.description,
            "protected": account.protected,
            "verified": False,
            "verified_type": "none",
            "public_metrics": dict.fromkeys(counts, 0) | {self.wish.words.posted: len(self.world.of(account))},
        }
        return {name: whole[name] for name in whole if name in self.wish.user_fields | {"id", "name", "username"}}
