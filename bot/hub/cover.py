"""What people see of a pushed voice first: its card, and a picture of something that it said."""

import asyncio
from pathlib import Path

from bot.gates import BlockList, Candidate, Gates, judge
from bot.gates.copies import CopyIndex
from bot.picture import share_picture, split_at_opening
from data.settings import Settings
from data.store import Store
from trainer.card import model_card
from trainer.voice import EXAMPLE_OPENING, Voice

CARD, PICTURE = "README.md", "predictions.png"  # the reference's name for it


async def write_cover(
    store: Store, settings: Settings, voice: Voice, folder: Path, *, repo: str, address: str
) -> None:
    """Write card and picture for the repository at `address`; a voice without a word for it gets no picture."""
    picture = await asyncio.to_thread(_picture, voice, settings)
    if picture:
        (folder / PICTURE).write_bytes(picture)
    card = model_card(
        voice,
        repo=repo,
        picture=f"{address}/resolve/main/{PICTURE}" if picture else "",
        blind_test=await store.game.blind_test(voice.record.key),
        contact=settings.discord.contact,
    )
    (folder / CARD).write_text(card, encoding="utf-8")


def _picture(voice: Voice, settings: Settings) -> bytes:
    """Empty where none of the voice's examples passes the gate that all it says must pass."""
    gates = Gates(CopyIndex(voice.training_posts()), BlockList(settings.gates.block_list))
    examples = [Candidate(text, opening=EXAMPLE_OPENING) for text in voice.record.examples]
    passed, _ = judge(examples, gates)
    if not passed:
        return b""
    handles = voice.record.handles
    return share_picture((), handles, *split_at_opening(passed[0].text, EXAMPLE_OPENING))
