"""What a place adds to the gates: its own block list and the strength of its filter."""

from functools import lru_cache
from pathlib import Path

from bot.gates.blocked import BlockList
from data.store import PlaceSettings

# Words that demean a group of people. Short on purpose. A few have a harmless sense too ("a chink in the armour"):
# what is said in it falls with the rest, which costs little, as another candidate takes its place.
_SLURS = """
nigger niggers nigga niggas faggot faggots fag fags kike kikes spic spics chink chinks gook gooks wetback wetbacks
coon coons paki pakis tranny trannies shemale shemales retard retards retarded towelhead towelheads raghead
ragheads sandnigger beaner beaners golliwog golliwogs dyke dykes untermensch
"""


@lru_cache(maxsize=1)
def slurs() -> BlockList:
    """What the standard filter keeps from being said."""
    return BlockList(_SLURS.split())


@lru_cache(maxsize=1)
def profanities() -> BlockList:
    """The word list of better_profanity, found as our own block lists are found.

    It holds "omg" and "pawn" too, so that only the strict filter can use it.
    """
    import better_profanity  # no start waits for it, as few places are strict

    words = Path(better_profanity.__file__).with_name("profanity_wordlist.txt").read_text(encoding="utf-8")
    return BlockList(words.split("\n"))


def block_lists(settings: PlaceSettings) -> tuple[BlockList, ...]:
    """What may not be said in this place, besides what the operator forbids everywhere."""
    own = _block_list(settings.block_list)
    return {"off": (own,), "standard": (own, slurs()), "strict": (own, slurs(), profanities())}[settings.filter]


def answers(settings: PlaceSettings, mention: str) -> bool:
    """Whether a mention is answered at all: a strict place answers none that uses a blocked word itself."""
    return settings.filter != "strict" or not any(blocks.blocks(mention) for blocks in block_lists(settings))


@lru_cache(maxsize=256)
def _block_list(phrases: tuple[str, ...]) -> BlockList:
    return BlockList(phrases)
