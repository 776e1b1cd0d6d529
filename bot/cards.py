"""What introduces a voice wherever it goes: its card, and a picture of something that it said."""

import asyncio
from collections.abc import Sequence

from bot.gates import BlockList, Candidate, Gates, judge
from bot.gates.copies import CopyIndex
from bot.picture import share_picture, split_at_opening
from data.settings import Settings
from data.store import Store
from trainer.card import Person, model_card
from trainer.voice import Voice

CARD, PICTURE = "README.md", "predictions.png"  # the reference's name for it


async def card_of(
    store: Store,
    settings: Settings,
    voice: Voice,
    people: Sequence[Person] = (),
    *,
    repo: str = "",
    picture: str = "",
) -> str:
    """The text of its README.md; the arguments are those of `trainer.card.model_card`."""
    return model_card(
        voice,
        repo=repo,
        picture=picture,
        blind_test=await store.game.blind_test(voice.record.key),
        people=people,
        contact=settings.discord.contact,
    )


async def cover_of(
    store: Store,
    settings: Settings,
    voice: Voice,
    people: Sequence[Person] = (),
    *,
    repo: str = "",
    address: str = "",
) -> dict[str, bytes]:
    """Card and picture, by the names of their files, of a voice in a folder, or in the repository at `address`.

    A voice of which no example may be said has no picture.
    """
    drawn = await asyncio.to_thread(_picture, voice, settings, people)
    place = f"{address}/resolve/main/{PICTURE}" if address else PICTURE
    card = await card_of(store, settings, voice, people, repo=repo, picture=place if drawn else "")
    return {CARD: card.encode()} | ({PICTURE: drawn} if drawn else {})


def _picture(voice: Voice, settings: Settings, people: Sequence[Person]) -> bytes:
    """Empty where none of the voice's examples passes the gate that all it says must pass."""
    gates = Gates(CopyIndex(voice.training_posts()), BlockList(settings.gates.block_list))
    opening = voice.record.opening
    examples = [Candidate(text, opening=opening) for text in voice.record.examples]
    passed, _ = judge(examples, gates)
    if not passed:
        return b""
    names = {person.handle: person.name for person in people}
    handles = voice.record.handles
    called = [names.get(handle, "") for handle in handles]
    return share_picture(called, handles, *split_at_opening(passed[0].text, opening))
