"""With MYNAH_DRY_RUN nothing is written on X or Bluesky, whichever way it would have come; without it, all of it.

The servers count what they are asked to change. What the same bot does without the dry run shows that they would
have seen it. Discord's part is in test_discord_dry_run.py.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.autopost.serving import Autoposting
from bot.autopost.timing import Timing
from bot.catalogue import Catalogue
from bot.governor import DryRunError
from data.store import Draft, NewDraft, NewSchedule
from tests.processes import until
from tests.social_sites import SITES, Bot, Site, bot_on


async def give_it_much_to_say(bot: Bot, site: Site) -> None:
    """A schedule whose time has come, one post asked for, one approved, and one that nobody knows the fate of."""
    store, now, number = bot.store, datetime.now(UTC), 0
    timing = Timing.from_words(cron="0 0 1 1 *", timezone="UTC").to_json()
    await store.schedules.add(NewSchedule(site.name, "keeper", timing, nominal_at=now, next_at=now))
    for name in ("asked for", "approved", "unknown"):
        number = await store.drafts.enter(NewDraft(name, site.name, "keeper")) or 0
        if name != "asked for":
            await store.drafts.move(number, "due", "approved", text=f"The {name} one.")
    await store.drafts.claim(site.name, 60, number=number)
    await store.drafts.move(number, "posting", "unknown")


@pytest.mark.parametrize("dry_run", [True, False], ids=["dry run", "in earnest"])
@pytest.mark.parametrize("name", SITES)
async def test_schedules_approvals_and_mentions(name: str, dry_run: bool, tmp_path: Path) -> None:
    async with SITES[name]() as site, bot_on(site, tmp_path, dry_run=dry_run) as bot:
        await give_it_much_to_say(bot, site)

        async def ended() -> list[Draft]:
            drafts = await bot.store.drafts.in_state("posted", "rejected", "failed")
            return drafts if len(drafts) == 5 else []

        async with bot.serving():
            asked = site.mention("How is the fog?")
            drafts = await until(ended)
        assert {draft.state for draft in drafts} == {"rejected" if dry_run else "posted"}
        assert [draft.reply_to for draft in drafts if draft.reply_to] == [asked]
        assert site.writes() == 0 if dry_run else site.writes() >= 5  # on Bluesky the bot label too


@pytest.mark.parametrize("name", SITES)
async def test_a_post_for_once(name: str, tmp_path: Path) -> None:
    async with SITES[name]() as site, bot_on(site, tmp_path, dry_run=True) as bot:
        catalogue, platforms = Catalogue(bot.store, bot.settings), {name: bot.platform}
        number = await bot.store.drafts.enter(NewDraft("now", name, "keeper")) or 0
        draft = await bot.store.drafts.get(number)
        assert draft is not None
        autoposting = Autoposting(bot.store, bot.settings, bot.imitator, catalogue, platforms, poll_seconds=0.05)
        assert (await autoposting.once(draft)).state == "rejected"
        assert site.writes() == 0


@pytest.mark.parametrize("name", SITES)
@pytest.mark.parametrize("answer", [True, False])
async def test_the_platform_itself(name: str, answer: bool, tmp_path: Path) -> None:
    async with SITES[name]() as site, bot_on(site, tmp_path, dry_run=True) as bot:
        reply_to = site.mention("How is the fog?") if answer else ""
        with pytest.raises(DryRunError, match="MYNAH_DRY_RUN"):
            await bot.platform.publish("Thick.", purpose="draft 1", reply_to=reply_to)
        assert site.writes() == 0
        assert (await bot.platform.account()).handle  # reading goes on
