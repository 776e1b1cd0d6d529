"""What a platform's rules ask of an account before a bot may post there: a person confirms it, no program sees it.

Until then nothing is posted, by schedule or otherwise. Sources: X's automation rules and its rules for parody
accounts, Bluesky's community guidelines and its guidance for bots, all as of November 2026.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from data.errors import RefusedError
from data.posts import PLATFORMS
from data.store import Store


@dataclass(frozen=True)
class Rule:
    """One thing that has to be so, and how to make it so."""

    name: str
    holds: str  # a sentence that somebody says yes to
    how: str  # a sentence


_PARODY = Rule(
    "parody name",
    "The account's name begins with a word such as Parody, and its profile says that it is not the person.",
    "Edit the profile, for example to the name 'Parody of Some One (AI)'.",
)
_AVATAR = Rule(
    "other avatar",
    "The avatar is not the person's own, nor one that is easily taken for it.",
    "Choose another picture, such as a drawn bird.",
)
_UNASKED = Rule(
    "no unsolicited mentions",
    "The bot answers only those who mention it or answer one of its own posts, and mentions nobody else.",
    "Mynah keeps to that by itself; do not post by hand from this account to people who did not ask.",
)


def _ai_label(setting: str) -> Rule:
    return Rule(
        "AI label",
        "Readers see that a machine writes: every post ends with the label, or the profile says so.",
        f"Leave {setting} at text, or set it to profile and write it there.",
    )


CHECKLISTS: Mapping[str, tuple[Rule, ...]] = {
    "x": (
        Rule(
            "Automated label",
            "The account carries X's Automated label.",
            "On X as the bot: Settings, Your account, Account information, Automation.",
        ),
        Rule(
            "linked human account",
            "That label names the account of the person who runs the bot.",
            "Choose your own account as the managing account, in the same place.",
        ),
        _PARODY,
        _AVATAR,
        _ai_label("MYNAH_X__LABEL"),
        _UNASKED,
        Rule(
            "approved answers",
            "Answers to mentions are off, or X has approved answers by an AI for this app in writing.",
            "Leave MYNAH_X__ANSWER_MENTIONS at false, or apply in X's developer portal first.",
        ),
    ),
    # Its bot label is not on this list: Mynah puts it on the account by itself.
    "bluesky": (_PARODY, _AVATAR, _ai_label("MYNAH_BLUESKY__LABEL"), _UNASKED),
}


def subject(platform: str) -> str:
    """The name under which `store.standing` keeps who confirmed a platform's rules."""
    return f"{platform} rules"


async def confirmed(store: Store, platform: str) -> tuple[str, datetime] | None:
    """By whom and when the platform's rules were confirmed; None where nobody did."""
    return await store.standing.confirmed(subject(platform))


async def refuse_unconfirmed(store: Store, platform: str) -> None:
    """Raises RefusedError, with what to run, until the platform's rules are confirmed."""
    if await confirmed(store, platform) is None:
        raise RefusedError(
            f"Nothing is posted on {PLATFORMS[platform]} before its rules for bots are confirmed; run "
            f"`mynah autopost confirm {platform}`."
        )
