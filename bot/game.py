"""The guessing game, whatever the platform: which voices may be played, and how a round is made.

A round shows one real post, which its owner released for this, and one that the voice has just made. Both went
through the same gates and are about equally long, so that only the words can tell them apart.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from random import SystemRandom

from bot.catalogue import Entry
from bot.gates import BlockList, Gates
from bot.gates.copies import CopyIndex
from bot.gates.mentions import speak_mentions
from bot.imitator import Imitator, Occasion
from data.errors import NotFoundError, NothingToSayError, RefusedError
from data.store import Round, Store
from trainer.voice import Voice

SHORTEST, LONGEST = 40, 200  # characters of the real post: enough to judge by, short enough to read in a chat
LONGEST_MADE = 2 * LONGEST
CANDIDATES = 6  # of which the one nearest in length is shown
LATELY = 50  # rounds of a voice within which no real post comes again, while there are others

_CHANCE = SystemRandom()


async def playable(store: Store, entries: Sequence[Entry]) -> list[Entry]:
    """Of the catalogue's entries, the ready voices whose owners have all released their posts for the game."""
    allowed = await _released_of(store, {handle for entry in entries for handle in entry.handles})
    return [entry for entry in entries if entry.ready and allowed.issuperset(entry.handles)]


async def released(store: Store, handles: Sequence[str]) -> bool:
    """Whether posts of all these may be shown."""
    return (await _released_of(store, handles)).issuperset(handles)


async def owns_one_of(store: Store, person: str, handles: Sequence[str]) -> bool:
    """Whether a person knows the real posts: their votes would spoil the blind test."""
    return bool(await store.consent.owned(handles, person))


async def new_round(
    store: Store, imitator: Imitator, voice: Voice, *, occasion: Occasion, block_lists: Iterable[BlockList] = ()
) -> Round:
    """A fresh round of a voice. `block_lists` are the operator's; the occasion holds the place's.

    Raises RefusedError where the posts are not released, NotFoundError where none of them suits the game,
    NothingToSayError where the voice made nothing that does.
    """
    key = voice.record.key
    await _refuse_unreleased(store, voice)
    gates = Gates(CopyIndex([]), *block_lists, *occasion.block_lists)
    real = await asyncio.to_thread(_pick, voice, gates, await store.game.used(key, LATELY))
    if real is None:
        raise NotFoundError(
            f"{voice.record.name} has no post that suits the game (one of {SHORTEST} to {LONGEST} characters "
            "without links); choose another voice."
        )
    replies = await imitator.continue_opening(voice, "", CANDIDATES, occasion=occasion)
    made = min((reply.text for reply in replies), key=lambda text: abs(len(text) - len(real)))
    if len(made) > LONGEST_MADE:
        raise NothingToSayError(f"{voice.record.name} only found long things to say just now; try once more.")
    await _refuse_unreleased(store, voice)  # once more: it may have been erased while it was thinking
    return await store.game.begin(
        key, place=occasion.place, real=real, made=made, real_first=_CHANCE.random() < 0.5
    )


async def _refuse_unreleased(store: Store, voice: Voice) -> None:
    if not await released(store, voice.record.handles):
        raise RefusedError(
            f"The posts of {voice.record.name} are not released for the game; their owner can do so by "
            "`/privacy share` with `game` set to True."
        )


async def _released_of(store: Store, handles: Collection[str]) -> set[str]:
    """Of `handles`, those whose owner said so, and those of the operator whose every import may be published."""
    rights = await store.consent.rights(handles)
    publishable = await store.posts.publishable(set(handles) - rights.keys())
    by_owner = {handle for handle, right in rights.items() if right.game}
    return (publishable | by_owner) - await store.consent.opted_out(handles)


def _pick(voice: Voice, gates: Gates, used: Collection[str]) -> str | None:
    """A post of a fitting length that a voice might say as well, as it would be spoken; None where none is."""
    posts = voice.training_posts()
    _CHANCE.shuffle(posts)
    again = None
    for post in posts:
        text = " ".join(speak_mentions(post).split())
        if SHORTEST <= len(text) <= LONGEST and gates.check(text) is None:
            if text not in used:
                return text
            again = text
    return again
