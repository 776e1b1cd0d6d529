"""Words that the commands on importing and privacy share: who may use a voice, what was counted, who erases."""

from collections.abc import Mapping

from discord import app_commands

from bot.fronts.discord.backend import Interaction
from bot.fronts.discord.names import place_of
from data.settings import Settings
from data.store import Right

AUDIENCES = [
    app_commands.Choice(name="only me", value="owner"),
    app_commands.Choice(name="this server", value="place"),
    app_commands.Choice(name="everyone", value="everyone"),
]
_USERS = {"owner": "only you", "everyone": "everyone"}

# What the store's tables hold, in the words of those whom it concerns.
_KINDS = {
    "posts": "posts",
    "imports": "files that were imported",
    "summaries": "counts of posts",
    "voices": "voices",
    "runs": "trainings",
    "cards": "messages that show a training",
    "replies": "answers and what was asked",
    "rejections": "counts of answers that were held back",
    "reports": "reports of an answer",
    "rounds": "rounds of /guess",
    "votes": "votes in /guess",
    "channels": "channels that were given a voice",
    "mentions": "mentions that were answered",
    "rights": "decisions on who may use a voice",
    "opt_outs": "opt-outs",
    "schedules": "schedules of posts",
    "drafts": "posts and answers on X and Bluesky",
    "silences": "wishes to be left alone",
    "confirmations": "confirmed rules of a platform",
    "cursors": "notes on how far a timeline was read",
    "repositories": "voices on the model hub",
}


def in_words(right: Right, interaction: Interaction) -> str:
    """`"The voice may be used by only you; /guess shows no real posts."`, as seen from where that is said."""
    shown = "may show real posts" if right.game else "shows no real posts"
    users = _USERS.get(right.audience) or _at_its_place(right, interaction)
    return f"The voice may be used by {users}; /guess {shown}."


def _at_its_place(right: Right, interaction: Interaction) -> str:
    if right.place != place_of(interaction):
        return "everybody on the server where you shared it"
    if interaction.guild_id is None:
        return "everybody in this conversation, but on no server"
    return "everybody on this server"


def counted(counts: Mapping[str, int]) -> list[str]:
    """A line for each kind of which there are any; the kinds are tables of the store."""
    kinds = [f"- {_KINDS.get(kind, kind)}: {count:,}" for kind, count in counts.items() if count]
    return kinds or ["- nothing was there"]


def erasure_by_operator(settings: Settings) -> str:
    """What happens with posts that somebody else brought."""
    contact = f" You reach them here: {settings.discord.contact}" if settings.discord.contact else ""
    return f"The operator of this bot has been told, and erases what is here.{contact}"
