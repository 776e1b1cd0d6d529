"""A corpus: the cleaned posts of one handle, their counts, and the digest that tells what was learned."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from data.cleaning import Cleaner, Counts, Profile
from data.errors import TooLittleDataError
from data.posts import Post

__all__ = ["Corpus", "Profile", "build_corpus", "check_size", "finish_corpus", "split"]

# Both limits are the reference's, in characters of the kept posts joined with its separator.
MINIMUM_CHARACTERS = 6_000
COMFORTABLE_CHARACTERS = 40_000
_SEPARATOR = "<|endoftext|>"
_BATCH = 2_000  # texts


@dataclass(frozen=True)
class Corpus:
    """What a voice learns from: `texts` in the order of the posts' ids."""

    handle: str
    profile: Profile
    texts: tuple[str, ...]
    counts: Counts
    characters: int  # of the texts joined with `<|endoftext|>`
    digest: str  # sha256 over profile and texts, hex


def build_corpus(handle: str, posts: Iterable[Post], profile: Profile) -> Corpus:
    """Clean a handle's posts, oldest id first, in whatever order they come. check_size says if it is enough."""
    # Ids of one source are numbers without leading zeros or sortable keys of one length.
    ordered = sorted(posts, key=lambda post: (len(post.id), post.id))
    cleaner = Cleaner(profile)
    cleaner.take((post.kind, post.text) for post in ordered)
    return finish_corpus(handle, cleaner)


def finish_corpus(handle: str, cleaner: Cleaner) -> Corpus:
    """What a handle's posts came to, once the cleaner has taken them all."""
    texts, counts = cleaner.finish()
    characters = sum(map(len, texts)) + len(_SEPARATOR) * max(0, len(texts) - 1)
    return Corpus(handle, cleaner.profile, tuple(texts), counts, characters, _digest(cleaner.profile, texts))


def _digest(profile: Profile, texts: Sequence[str]) -> str:
    """Over the JSON of a list of both, made a part at a time to save memory."""
    digest = hashlib.sha256(json.dumps([profile, []])[:-2].encode())
    for start in range(0, len(texts), _BATCH):
        part = json.dumps(texts[start : start + _BATCH])
        digest.update(f"{', ' if start else ''}{part[1:-1]}".encode())
    digest.update(b"]]")
    return digest.hexdigest()


def check_size(corpus: Corpus) -> str | None:
    """A warning for a small corpus, None for a large one. Raises TooLittleDataError below 6,000 characters."""
    if corpus.characters < MINIMUM_CHARACTERS:
        raise TooLittleDataError(
            f"@{corpus.handle} has {corpus.characters:,} characters to learn from and at least "
            f"{MINIMUM_CHARACTERS:,} are needed; import more of their posts."
        )
    if corpus.characters < COMFORTABLE_CHARACTERS:
        return (
            f"@{corpus.handle} has only {corpus.characters:,} characters to learn from; the voice gets clearer "
            f"from {COMFORTABLE_CHARACTERS:,} on, so import more posts if there are any."
        )
    return None


def split(texts: Sequence[str], share: float = 0.1, seed: int = 0) -> tuple[list[str], list[str]]:
    """(to learn from, held out): about `share` of the texts are held out, at least one, and at least one is left.

    Each text decides for itself by its hash and the seed, so new posts never move old ones across. Raises
    TooLittleDataError for fewer than two different texts, of which nothing can be held out.
    """
    places = {text: _place(text, seed) for text in texts}
    if len(places) < 2:
        raise TooLittleDataError("All the posts say the same, so nothing can be held out; import more of them.")
    ordered = sorted(places.values())
    limit = min(max(share, ordered[0]), ordered[-2])
    learn = [text for text in texts if places[text] > limit]
    held_out = [text for text in texts if places[text] <= limit]
    return learn, held_out


def _place(text: str, seed: int) -> float:
    """Where a text stands between 0 and 1, evenly spread over all texts."""
    digest = hashlib.sha256(f"{seed}\n{text}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
