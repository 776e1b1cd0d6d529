"""The bot on X and on Bluesky, over the wire: people mention it there, and it answers them."""

from pathlib import Path

import pytest

from data.store import Draft
from tests.discord_fronts import store_voice
from tests.processes import until
from tests.social_sites import SITES, Bot, bot_on


async def answers(bot: Bot, count: int) -> list[Draft]:
    async def posted() -> list[Draft]:
        drafts = await bot.store.drafts.in_state("posted")
        return drafts if len(drafts) >= count else []

    drafts: list[Draft] = await until(posted)
    return drafts


async def silenced(bot: Bot) -> None:
    async def somebody() -> bool:
        return bool(await bot.store.standing.silenced())

    await until(somebody)


@pytest.mark.parametrize("name", SITES)
async def test_a_conversation(name: str, tmp_path: Path) -> None:
    async with SITES[name]() as site, bot_on(site, tmp_path, dry_run=False) as bot:
        await store_voice(bot.store, bot.settings, "gull")
        site.mention("Was I before you came?")
        async with bot.serving():
            first = site.mention("How is the fog?")
            second = site.mention("as @gull how is the sea?")
            await answers(bot, 2)
            site.mention("Stop it!")
            await silenced(bot)
            site.mention("Are you still there?")
            third = site.mention("And for me?", "bert")
            await answers(bot, 3)
        site.mention("And after a restart?")
        fourth = site.mention("And while you were off?", "bert")
        async with bot.serving():
            answered = await answers(bot, 4)
        assert [(draft.reply_to, draft.voice, draft.prompt) for draft in answered] == [
            (first, "keeper", "How is the fog?"),
            (second, "gull", "how is the sea?"),
            (third, "keeper", "And for me?"),
            (fourth, "keeper", "And while you were off?"),
        ]
        assert site.writes() == 4 + (name == "bluesky")  # which has the bot label too
