"""Whom a voice imitates, with the posts that it learned from and those that were held out when it was made."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from bot.gates.mentions import speak_mentions
from data.corpus import build_corpus, split
from data.errors import InputError
from data.store import Store
from trainer.voice import Voice


@dataclass(frozen=True)
class Person:
    """One of those whom a voice imitates. Texts are cleaned, as the voice learned them."""

    handle: str
    learn: tuple[str, ...]
    held_out: tuple[str, ...]

    @property
    def posts(self) -> tuple[str, ...]:
        return self.learn + self.held_out


def people_of(voice: Voice) -> tuple[Person, ...]:
    """Exactly the posts of the voice's making, whatever was imported since: they stand in its folder, and on which
    side a post is follows from its text and the recipe's seed.

    Raises InputError for a voice whose posts are not known, or not whose they are.
    """
    record = voice.record
    try:
        posts = voice.training_posts()
    except (FileNotFoundError, json.JSONDecodeError):
        posts = []
    if not posts or not record.posts:
        raise InputError(
            f"The posts that {record.name} was made of are not here, so it can't be evaluated; train it here with "
            f"`mynah train {' '.join(record.handles)}`."
        )
    sizes = [share.kept for share in record.learned] or [len(posts)]
    handles = [share.handle for share in record.learned] or list(record.handles)
    if len(sizes) != len(record.handles) or sum(sizes) != len(posts):
        raise InputError(
            f"The record of {record.name} does not say whose posts are whose; train it again with "
            f"`mynah train {' '.join(record.handles)}`."
        )
    people, start = [], 0
    for handle, size in zip(handles, sizes, strict=True):
        learn, held_out = split(posts[start : start + size], seed=record.recipe.seed)
        people.append(Person(handle, tuple(learn), tuple(held_out)))
        start += size
    return tuple(people)


async def changed_since(store: Store, voice: Voice) -> list[str]:
    """The handles whose posts are other ones by now than when the voice was made, as far as that is recorded."""
    changed = []
    for share in voice.record.learned:
        posts = await store.posts.posts(share.handle)
        if build_corpus(share.handle, posts, voice.record.recipe.profile).digest != share.digest:
            changed.append(share.handle)
    return changed


def spoken(posts: Sequence[str]) -> list[str]:
    """Posts as a voice would say them, so that a mention tells nobody who is real."""
    return [text for post in posts if (text := speak_mentions(post).strip())]
