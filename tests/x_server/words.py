"""X's two vocabularies, `tweet.*` and `post.*`, and what a call asks for in either.

X renames the first to the second in 2026 and answers in the words it is asked in. A name of the other vocabulary
isn't refused: the call succeeds and the field is just not there. A name of neither is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import invalid_request


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Fields of a post under the same name in both.
COMMON = _names(
    "article attachments card_uri community_id context_annotations conversation_id created_at "
    "display_text_range edit_controls entities geo id lang matched_media_notes media_metadata non_public_metrics "
    "note_request_suggestions organic_metrics paid_partnership possibly_sensitive promoted_metrics "
    "public_metrics reply_settings scopes source suggested_source_links suggested_source_links_with_counts "
    "text withheld"
)
COMMON_EXPANSIONS = _names(
    "article.cover_media article.media_entities attachments.media_keys attachments.media_source_tweet "
    "attachments.poll_ids author_id entities.mentions.username geo.place_id in_reply_to_user_id"
)
USER_FIELDS = _names(
    "affiliation confirmed_email connection_status created_at description entities id is_identity_verified "
    "location most_recent_tweet_id name parody pinned_tweet_id profile_banner_url profile_image_url protected "
    "public_metrics receives_your_dm subscription subscription_type url username verified "
    "verified_followers_count verified_type withheld"
)
USER_EXPANSIONS = frozenset({"affiliation.user_id", "most_recent_tweet_id", "pinned_tweet_id"})


@dataclass(frozen=True)
class Words:
    """The names of one vocabulary."""

    parameter: str  # that asks for fields of a post
    references: str  # the posts that a post answers, quotes or repeats
    history: str
    note: str  # the whole of a long post
    reposts: str  # how often it was repeated, in `public_metrics`
    posted: str  # how much an account has posted, in its `public_metrics`
    included: str  # where `includes` holds posts
    fields: frozenset[str]
    expansions: frozenset[str]
    expand_references: str


TWEET = Words(
    parameter="tweet.fields",
    references="referenced_tweets",
    history="edit_history_tweet_ids",
    note="note_tweet",
    reposts="retweet_count",
    posted="tweet_count",
    included="tweets",
    fields=COMMON
    | {
        "author_id",
        "in_reply_to_user_id",
        "referenced_tweets",
        "edit_history_tweet_ids",
        "note_tweet",
        "username",
    },
    expansions=COMMON_EXPANSIONS
    | {
        "edit_history_tweet_ids",
        "entities.note.mentions.username",
        "referenced_tweets.id",
        "referenced_tweets.id.attachments.media_keys",
        "referenced_tweets.id.author_id",
    },
    expand_references="referenced_tweets.id",
)
# Here the ids of other things come with their expansions, and not as fields.
POST = Words(
    parameter="post.fields",
    references="referenced_posts",
    history="edit_history_post_ids",
    note="note_post",
    reposts="repost_count",
    posted="post_count",
    included="posts",
    fields=COMMON | {"note_post"},
    expansions=COMMON_EXPANSIONS | {"edit_history_post_ids", "referenced_posts"},
    expand_references="referenced_posts",
)
_RENAMED = {
    TWEET.references: POST.references,
    TWEET.history: POST.history,
    TWEET.note: POST.note,
    TWEET.reposts: POST.reposts,
    TWEET.posted: POST.posted,
    TWEET.included: POST.included,
}


@dataclass(frozen=True)
class Wish:
    """What a call asks to see of posts and users, and in which words."""

    words: Words
    post_fields: frozenset[str]
    user_fields: frozenset[str]
    expansions: frozenset[str]

    @classmethod
    def from_query(cls, query: Mapping[str, str], *, of_users: bool) -> "Wish":
        """Reads a query. Raises ApiError (400) for a name that X has never heard of."""
        known = USER_EXPANSIONS if of_users else TWEET.expansions | POST.expansions
        expansions = _listed(query, "expansions", known)
        fields = TWEET.fields | POST.fields | {POST.references, POST.history}
        post_fields = _listed(query, TWEET.parameter, fields) | _listed(query, POST.parameter, fields)
        user_fields = _listed(query, "user.fields", USER_FIELDS)
        words = POST if POST.parameter in query or expansions & (POST.expansions - TWEET.expansions) else TWEET
        return cls(words, post_fields & words.fields, user_fields, expansions)

    @property
    def expands_references(self) -> bool:
        return self.words.expand_references in self.expansions

    @property
    def shown(self) -> frozenset[str]:
        """The fields of a post that the answer holds, where the post has them."""
        brought = self.expansions & {"author_id", "in_reply_to_user_id"}
        if self.expands_references:
            brought |= {self.words.references}
        if "entities.mentions.username" in self.expansions:
            brought |= {"entities"}
        return self.post_fields | brought | {"id", "text", self.words.history}


def in_new_words(answer: Any) -> Any:
    """An answer in the words of `tweet.*`, put into those of `post.*`."""
    if isinstance(answer, dict):
        return {_RENAMED.get(name, name): in_new_words(value) for name, value in answer.items()}
    return [in_new_words(value) for value in answer] if isinstance(answer, list) else answer


def _listed(query: Mapping[str, str], parameter: str, known: frozenset[str]) -> frozenset[str]:
    asked = frozenset(query[parameter].split(",")) if parameter in query else frozenset()
    for name in sorted(asked - known):
        choice = ",".join(sorted(known))
        message = f"The `{parameter}` query parameter value [{name}] is not one of [{choice}]"
        raise invalid_request(message, **{parameter: name})
    return asked
